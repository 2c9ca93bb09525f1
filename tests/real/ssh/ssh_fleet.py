"""Two hosts and a load balancer in front of them, each reached by SSH only, for one test; users ask the load balancer."""

import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ssh_lab import PORT, Lab, Server, opened, until

from releaser.adapters.routers.haproxy_config import EMPTY_STATE, configuration, generation_map
from releaser.cli.demo_stage import clear
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.engine.session import Session
from releaser.testing.app_artifact import write_artifact
from releaser.testing.free_ports import free_ports
from releaser.testing.load import Load, Traffic

ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
targets:
  web:
    kind: hosts
    hosts:
{hosts}
    ssh: {{ user: {user}, port: {port}, known_hosts: ./known_hosts, key: ./id, agent: false, python: {python}{jump} }}
    path: ~/shop
    run: {python} app.py --host {{host}} --port {{port}} --version {{version}}
    router: {{ kind: haproxy, hosts: [{balancer}], socket: {site}/haproxy.sock, backend: app,
              state_file: {site}/servers.state, map: {site}/generation.map, server: "{{host}}_{{slot}}" }}
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 1s, passes: 2, fails: 2 }}
  errors: {{ kind: router, every: 200ms }}
fleet: {{ drain: 500ms, keep_warm: 10m }}
playbook: quick
freeze_after_rollback: 10m
"""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 3% } }
budget: { step: 60s, release: 4m, rollback: 10s, deadman: 6s, ready: 30s }
"""


@dataclass
class Fleet:
    root: Path
    lab: Lab
    hosts: list[Server]
    balancer: Server
    listen: int
    sessions: list[Session] = field(default_factory=list)

    def session(self) -> Session:
        self.sessions.append(Session.open("test", self.root, environ=self.environ, by="ada@here"))
        return self.sessions[-1]

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "RELEASER_STATE": str(self.root / "state")}

    def build(self, version: str, fault: str = "none") -> None:
        write_artifact(self.root / "dist" / f"shop-{version}", "--fault", fault)

    def promote(self, version: str, fault: str = "none") -> Rollout:
        self.build(version, fault)
        session = self.session()
        plan = session.plan(version)
        assert isinstance(plan, Plan), plan
        return session.drive(plan)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`releaser WORDS`, in a process of its own."""
        argv = [sys.executable, "-m", "releaser", *words, "-e", "test", "-o", "json", "-y", "--folder", str(self.root)]
        return subprocess.run(argv, env=self.environ, capture_output=True, text=True, check=False, timeout=100)

    def rollback(self, to: str) -> Rollout:
        session = self.session()
        plan = session.plan_rollback(to=to)
        assert isinstance(plan, Plan), plan
        return session.drive(plan)

    def traffic(self, rate: float = 100.0) -> Load:
        return Load(Traffic(f"http://{self.balancer.address}:{self.listen}/", rate=rate))

    def split(self) -> dict[str, int]:
        """By version, as the load balancer itself says."""
        (state,) = self.session().observe().routers.values()
        return {name.rpartition("-")[0]: weight for name, weight in state.split.weights} if state.split else {}


@contextmanager
def fleet(*, jump: bool = False) -> Iterator[Fleet]:
    """With `jump` everything goes by way of one more host."""
    if shutil.which("haproxy") is None:
        assert not os.environ.get("CI"), "CI needs haproxy"
        pytest.skip("haproxy is not installed")
    root = Path(tempfile.mkdtemp(prefix="rs-"))  # short: HAProxy's socket is below it
    try:
        with opened(root) as lab:
            one, other, balancer = lab.server(), lab.server(), lab.server()
            made = Fleet(root, lab, [one, other], balancer, free_ports(1)[0])
            settings(made, lab.server().address if jump else "")
            with haproxy(made):
                try:
                    yield made
                finally:
                    for session in made.sessions:
                        session.close()
    finally:
        clear(root)


def settings(made: Fleet, jump: str) -> None:
    root = made.root
    for kind in ("environments", "playbooks"):
        (root / kind).mkdir()
    ports = {server.address: free_ports(2) for server in made.hosts}
    (root / "ports").write_text(repr(ports))
    hosts = [
        f"      - {{ name: {at}, ports: {{ blue: {blue}, green: {green} }} }}" for at, (blue, green) in ports.items()
    ]
    text = ENVIRONMENT.format(
        hosts="\n".join(hosts),
        user=getpass.getuser(),
        port=PORT,
        python=sys.executable,
        balancer=made.balancer.address,
        site=made.balancer.folder,
        jump=f", jump: {jump}" if jump else "",
    )
    (root / "environments" / "test.yaml").write_text(text)
    (root / "playbooks" / "quick.yaml").write_text(PLAYBOOK)
    site = made.balancer.folder
    (site / "servers.state").write_text(EMPTY_STATE)
    (site / "generation.map").write_text(generation_map(0))
    servers = {
        f"{address}_{slot}": (address, port)
        for address, both in ports.items()
        for slot, port in zip(("blue", "green"), both, strict=True)
    }
    (site / "haproxy.cfg").write_text(
        configuration(
            listen=(made.balancer.address, made.listen),
            socket=str(site / "haproxy.sock"),
            state_file=str(site / "servers.state"),
            map_file=str(site / "generation.map"),
            backend="app",
            servers=servers,
            timeout="5s",
        )
    )


@contextmanager
def haproxy(made: Fleet) -> Iterator[None]:
    """As the load balancer's own init system would run it: releaser did not start it, and does not end it."""
    site = made.balancer.folder
    with (site / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(site / "haproxy.cfg")], stdout=log, stderr=log)
    try:
        until((site / "haproxy.sock").exists)
        yield
    finally:
        process.kill()
        process.wait()
