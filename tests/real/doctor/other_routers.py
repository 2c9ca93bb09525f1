"""Another router in the place of HAProxy on a fleet's load balancer: a real nginx, Envoy or Traefik whose files are not releaser's own."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from doctor_stage import Stage
from ssh_lab import until

from releaser.adapters.routers import envoy_config, traefik_config
from releaser.adapters.routers.managed_program import binary
from releaser.core.values import Slot
from releaser.testing.free_ports import free_ports

__all__ = ["envoy", "nginx", "rewritten", "traefik"]

NGINX = """\
daemon off;
pid {site}/nginx.pid;
worker_shutdown_timeout 30s;
events {{ }}
http {{
  log_format releaser '$releaser_slot $status';
  upstream shop_blue {{ server 127.0.0.1:1; }}
  upstream shop_green {{ server 127.0.0.1:1; }}
  include {site}/split.conf;
  server {{
    listen 127.0.0.1:{listen};
    access_log {site}/requests.log releaser;
    location / {{ proxy_pass http://shop_$releaser_slot; }}
  }}
}}
"""
SPLIT = """\
map "" $releaser_slot {{ default none; }}
server {{ listen 127.0.0.1:{status}; location = /releaser {{ return 200 "generation 0 blue 0 green 0\\n"; }} }}
"""


@contextmanager
def nginx(stage: Stage) -> Iterator[Path]:
    """In the place of HAProxy on the load balancer. Yields its configuration."""
    site, (listen, status) = stage.site.balancer.folder / "nginx", free_ports(2)
    site.mkdir()
    (site / "split.conf").write_text(SPLIT.format(status=status))
    (site / "nginx.conf").write_text(NGINX.format(site=site, listen=listen))
    program = [
        shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx",
        "-c",
        f"{site}/nginx.conf",
        "-e",
        f"{site}/log",
    ]
    files = f"include: {site}/split.conf, log: {site}/requests.log, status: 127.0.0.1:{status}"
    test = f"test: [{', '.join([*program, '-t', '-q'])}]"
    with _another(stage, site, program, f"kind: nginx, {files}, {test}"):
        until((site / "nginx.pid").exists)
        yield site / "nginx.conf"


@contextmanager
def _another(stage: Stage, site: Path, program: list[str], router: str) -> Iterator[None]:
    """A router of another kind in the place of HAProxy on the load balancer; its folder is gone afterwards."""
    lines = f"router: {{ hosts: [{stage.site.balancer.address}], {router} }}\nprobes:"
    environment = stage.site.root / "environments" / "test.yaml"
    with (
        (site / "log").open("ab") as log,
        subprocess.Popen(program, stdout=log, stderr=log) as process,
        rewritten(environment, lambda text: re.sub(r"router: \{.*?\}\nprobes:", lines, text, flags=re.DOTALL)),
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(site)


@contextmanager
def envoy(stage: Stage) -> Iterator[Path]:
    """In the place of HAProxy on the load balancer. Yields the file that it watches."""
    site, (listen, admin) = stage.site.balancer.folder / "envoy", free_ports(2)
    (site / "routes").mkdir(parents=True)
    rds = site / "routes" / "shop.json"
    at = ("127.0.0.1", 1)
    bootstrap = envoy_config.bootstrap(
        listen=("127.0.0.1", listen),
        admin=("127.0.0.1", admin),
        rds=str(rds),
        name="shop",
        upstreams={"shop-blue": at, "shop-green": at},
    )
    (site / "envoy.json").write_text(envoy_config.text(bootstrap))
    rds.write_text(envoy_config.text(envoy_config.discovery_response(envoy_config.closed_routes("shop"), 0)))
    program = [binary("envoy"), "-c", f"{site}/envoy.json", "--disable-hot-restart", "--log-level", "error"]
    clusters = "clusters: { blue: shop-blue, green: shop-green }"
    with _another(
        stage, site, program, f"kind: envoy, admin: '127.0.0.1:{admin}', rds: {rds}, route: shop, {clusters}"
    ):
        until(lambda: answers(listen))
        yield rds


@contextmanager
def traefik(stage: Stage) -> Iterator[Path]:
    """In the place of HAProxy on the load balancer. Yields the folder that it watches: ours.yml is releaser's, shop.yml not."""
    site, (listen, api) = stage.site.balancer.folder / "traefik", free_ports(2)
    (site / "dynamic").mkdir(parents=True)
    loopback = "127.0.0.1"
    start = traefik_config.install(listen=(loopback, listen), api=(loopback, api), directory=str(site / "dynamic"))
    (site / "traefik.yml").write_text(traefik_config.text(start))
    services: dict[Slot, str] = {"blue": "shop-blue", "green": "shop-green"}
    servers: dict[Slot, tuple[str, int]] = {"blue": (loopback, 1), "green": (loopback, 1)}
    split = traefik_config.split_file("shop", services, {"blue": 0, "green": 0}, 0)
    (site / "dynamic" / "ours.yml").write_text(traefik_config.text(split))
    rest = traefik_config.application("shop", services, servers, "15s")
    (site / "dynamic" / "shop.yml").write_text(traefik_config.text(rest))
    files = f"api: '{loopback}:{api}', file: {site}/dynamic/ours.yml, service: shop"
    sample = f"sample: {{ url: 'http://{loopback}:{listen}{traefik_config.SAMPLE_PATH}' }}"
    named = f"services: {{ blue: shop-blue, green: shop-green }}, {sample}"
    program = [binary("traefik"), f"--configFile={site}/traefik.yml"]
    with _another(stage, site, program, f"kind: traefik, {files}, {named}"):
        until(lambda: answers(listen) and answers(api))
        yield site / "dynamic"


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def rewritten(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    before = file.read_text()
    after = change(before)
    assert after != before
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)
