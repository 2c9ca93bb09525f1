"""Whole releases to a host whose systemd runs the slots and the load balancer; the power goes out in between."""

import os
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from nspawn_host import Host, until

from releaser.adapters.routers.haproxy_config import EMPTY_STATE, configuration, generation_map
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome
from releaser.engine.session import Session, Show
from releaser.testing import app
from releaser.testing.load import Load, Traffic

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
LISTEN = 8000
PORTS = {"blue": 9001, "green": 9002}
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
targets:
  web:
    kind: hosts
    hosts: [{host}]
    ssh: {{ user: deploy, known_hosts: ./known_hosts, key: {key}, agent: false }}
    path: /srv/shop
    run: {{ systemd: shop@.service, sudo: true }}
    ports: {{ blue: {blue}, green: {green} }}
    router: {{ kind: haproxy, hosts: [{host}], socket: /srv/balancer/haproxy.sock, backend: app,
              state_file: /srv/balancer/servers.state, map: /srv/balancer/generation.map, server: "{{host}}_{{slot}}" }}
env: {{ SECRET_KEY: "file:./secrets.env#KEY" }}
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 2s, passes: 2, fails: 3 }}
  errors: {{ kind: router, every: 200ms }}
fleet: {{ drain: 500ms, keep_warm: 10m }}
playbook: quick
freeze_after_rollback: 1s
"""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 3% } }
budget: { step: 60s, release: 4m, rollback: 10s, deadman: 8s, ready: 30s }
"""
SHOP = """\
[Service]
User=shop
WorkingDirectory=/srv/shop/slots/%i
EnvironmentFile=/srv/shop/.releaser/run/%i.env
ExecStart=/usr/bin/python3 shop.py --host 0.0.0.0 --port ${PORT} --version ${RELEASER_VERSION}
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
BALANCER = """\
[Service]
User=deploy
ExecStart=/usr/sbin/haproxy -db -f /srv/balancer/haproxy.cfg
Restart=on-failure
RestartSec=100ms
[Install]
WantedBy=multi-user.target
"""
RIGHTS = "".join(
    f"deploy ALL=(root) NOPASSWD: /usr/bin/systemctl {order} shop@{slot}.service\n"
    for order in ("start --no-block", "stop --no-block", "reset-failed", "enable", "disable")
    for slot in PORTS
)


class Site:
    """The environment's folder on this machine, and the one host that it describes."""

    def __init__(self, host: Host, root: Path, key: Path) -> None:
        self.host = host
        self.root = root
        self.sessions: list[Session] = []
        for kind in ("environments", "playbooks"):
            (root / kind).mkdir()
        ports = {slot: str(port) for slot, port in PORTS.items()}
        (root / "environments/test.yaml").write_text(ENVIRONMENT.format(host=host.address, key=key, **ports))
        (root / "playbooks/quick.yaml").write_text(PLAYBOOK)
        (root / "known_hosts").write_text(host.pin())
        (root / "environments/known_hosts").write_text(host.pin())
        for folder in (root, root / "environments"):
            (folder / "secrets.env").write_text("KEY=correct-horse-battery\n")
            (folder / "secrets.env").chmod(0o600)
        self._install()

    def session(self) -> Session:
        environ = {**os.environ, "RELEASER_STATE": str(self.root / "state")}
        self.sessions.append(Session.open("test", self.root, environ=environ, by="ada@here"))
        return self.sessions[-1]

    def build(self, version: str) -> Path:
        """The artifact's folder."""
        artifact = self.root / "dist" / f"shop-{version}"
        artifact.mkdir(parents=True)
        shutil.copyfile(app.__file__, artifact / "shop.py")
        (artifact / "VERSION").write_text(version)
        return artifact

    def promote(self, version: str) -> Rollout:
        """One that is built."""
        session = self.session()
        plan = session.plan(version)
        assert isinstance(plan, Plan), plan
        return session.drive(plan, show=Show())

    def rollback(self, to: str) -> Rollout:
        session = self.session()
        plan = session.plan_rollback(to=to)
        assert isinstance(plan, Plan), plan
        return session.drive(plan)

    def answer(self) -> str | None:
        """The version that users get."""
        try:
            got = httpx.get(f"http://{self.host.address}:{LISTEN}/", timeout=5, trust_env=False)
        except httpx.TransportError:
            return None
        version: str | None = got.headers.get("x-version")
        return version

    def enabled(self) -> list[str]:
        return [
            slot
            for slot in PORTS
            if self.host.run("systemctl", "is-enabled", f"shop@{slot}.service", check=False) == "enabled\n"
        ]

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def _install(self) -> None:
        """What whoever set up the host has done: the units, the rights and the load balancer."""
        host, units = self.host, "/etc/systemd/system"
        for folder in ("/srv/shop", "/srv/balancer"):
            host.run("install", "-d", "-o", "deploy", folder)
        balancer = configuration(
            listen=(host.address, LISTEN),
            socket="/srv/balancer/haproxy.sock",
            state_file="/srv/balancer/servers.state",
            map_file="/srv/balancer/generation.map",
            backend="app",
            servers={f"{host.address}_{slot}": ("127.0.0.1", port) for slot, port in PORTS.items()},
            timeout="5s",
        )
        texts = {
            f"{units}/shop@.service": SHOP,
            f"{units}/balancer.service": BALANCER,
            "/etc/sudoers.d/shop": RIGHTS,
            "/srv/balancer/haproxy.cfg": balancer,
            "/srv/balancer/servers.state": EMPTY_STATE,
            "/srv/balancer/generation.map": generation_map(0),
        }
        for path, text in texts.items():
            host.run("tee", path, stdin=textwrap.dedent(text))
        host.run("chown", "-R", "deploy", "/srv/balancer")
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "enable", "--now", "balancer.service")


@pytest.fixture
def site(host: Host, tmp_path: Path, login: Path) -> Iterator[Site]:
    made = Site(host, tmp_path, login)
    try:
        yield made
    finally:
        made.close()


def test_released_taken_back_and_brought_back_by_a_boot(site: Site) -> None:
    for version in ("1.0.0", "1.1.0"):
        site.build(version)
    first = site.promote("1.0.0")
    assert first.outcome is Outcome.PROMOTED, first.turned
    assert site.enabled() == ["blue"]
    with Load(Traffic(f"http://{site.host.address}:{LISTEN}/", rate=60.0)) as load:
        second = site.promote("1.1.0")
        assert second.outcome is Outcome.PROMOTED, second.turned
        assert site.enabled() == ["green"]
    assert [one for one in load.results if one.failed_by_us] == []
    assert {one.version for one in load.results} == {"1.0.0", "1.1.0"}
    site.host.power_cut()
    until(lambda: site.answer() == "1.1.0")  # nobody of ours was asked
    assert site.host.run("systemctl", "is-active", "shop@blue.service", check=False) == "inactive\n"
    back = site.rollback("1.0.0")  # the old one is cold now
    assert back.outcome is Outcome.ROLLED_BACK
    assert site.enabled() == ["blue"]
    assert site.answer() == "1.0.0"
    site.host.power_cut()
    until(lambda: site.answer() == "1.0.0")
    for file in (site.root / "state").rglob("*"):
        assert not file.is_file() or b"correct-horse-battery" not in file.read_bytes(), file
