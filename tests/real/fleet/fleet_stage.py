"""A fleet for one test: targets of several hosts, two load balancers before each, all reached by SSH only."""

import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from fleet_balancer import balancer_of, haproxy, socket_command
from ssh_lab import PORT, Lab, Server, opened

from releaser.cli.demo_stage import clear
from releaser.engine.session import Session
from releaser.testing.app_artifact import write_artifact
from releaser.testing.free_ports import free_ports
from releaser.testing.load import Load, Traffic

NET = 78
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
targets:
{targets}
waves: {waves}
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 3s, passes: 2, fails: 3 }}
  errors: {{ kind: router, every: 300ms }}
fleet: {{ drain: 500ms, keep_warm: 10m, {fleet} }}
playbook: quick
freeze_after_rollback: 10m
"""
TARGET = """\
  {name}:
    kind: hosts
    hosts:
{hosts}
    ssh: {{ user: {user}, port: {port}, known_hosts: ./known_hosts, key: ./id, agent: false, python: {python} }}
    path: ~/shop
    run: {python} app.py --host {{host}} --port {{port}} --version {{version}}
    router: {{ kind: haproxy, hosts: [{balancers}], socket: {site}/haproxy.sock, backend: shop,
              state_file: {site}/servers.state, map: {site}/generation.map, server: "{{host}}_{{slot}}" }}
"""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 50% }, { weight: 100% } ]
bake: 500ms
judge: { errors: { not_worse_than: 2x, within: 20% }, beta: 20% }
budget: { step: 60s, release: 4m, rollback: 20s, deadman: 10s, ready: 40s }
"""


@dataclass
class Target:
    """`ports`: address -> (blue, green)."""

    name: str
    hosts: list[Server]
    balancers: list[Server]
    listen: int
    ports: Mapping[str, tuple[int, int]]

    def url(self, balancer: int = 0) -> str:
        return f"http://{self.balancers[balancer].address}:{self.listen}/"


@dataclass
class Answered:
    code: int
    document: dict[str, Any]
    err: str


@dataclass
class Fleet:
    root: Path
    lab: Lab
    targets: dict[str, Target] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)

    def environ(self, machine: str = "here") -> dict[str, str]:
        return {**os.environ, "RELEASER_STATE": str(self.root / f"state-{machine}"), "RELEASER_BY": f"ada@{machine}"}

    def build(self, version: str, fault: str = "none") -> Path:
        artifact = self.root / "dist" / f"shop-{version}"
        if not artifact.exists():
            write_artifact(artifact, "--fault", fault)
        return artifact

    def run(self, *words: str, machine: str = "here", output: str = "json") -> Answered:
        """`releaser WORDS`, in a process of its own."""
        done = subprocess.run(
            self.argv(*words, output=output), env=self.environ(machine), capture_output=True, text=True, check=False,
            timeout=200,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        document = json.loads(done.stdout.splitlines()[-1]) if output == "jsonl" else {"text": done.stdout}
        return Answered(done.returncode, json.loads(done.stdout) if output == "json" else document, done.stderr)

    def argv(self, *words: str, output: str = "json") -> list[str]:
        return [sys.executable, "-m", "releaser", *words, "-e", "test", "-o", output, "-y", "--folder", str(self.root)]

    @contextmanager
    def spawned(self, *words: str, machine: str = "here") -> Iterator["subprocess.Popen[str]"]:
        """The same, an event a line, while the test goes on; killed at the end if it still runs."""
        argv = self.argv(*words, output="jsonl")
        with subprocess.Popen(
            argv, env=self.environ(machine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def promote(self, version: str, fault: str = "none", *words: str) -> Answered:
        self.build(version, fault)
        return self.run("promote", version, *words)

    @contextmanager
    def users(self, rate: float = 30.0) -> Iterator[list[Load]]:
        """Requests through every load balancer of every target."""
        with ExitStack() as asking:
            loads = [
                asking.enter_context(Load(Traffic(target.url(balancer), rate=rate)))
                for target in self.targets.values()
                for balancer in range(len(target.balancers))
            ]
            yield loads
            time.sleep(0.3)  # some requests after the last shift belong to the story

    def status(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = self.run("status", *words).document["status"][0]
        return found

    def splits(self) -> dict[str, dict[str, int]]:
        """Router -> version -> weight, as each load balancer itself says."""
        states = self.watcher.observe().routers
        return {
            name: {release.rpartition("-")[0]: weight for release, weight in state.split.weights} if state.split else {}
            for name, state in states.items()
        }

    @property
    def watcher(self) -> Session:
        """One session to look with, again and again."""
        if not self.sessions:
            self.sessions.append(Session.open("test", self.root, environ=self.environ(), by="ada@here"))
        return self.sessions[0]

    def answers(self, target: str, requests: int = 24) -> set[str]:
        """The versions that users get from each balancer of a target."""
        found = set()
        for balancer in range(len(self.targets[target].balancers)):
            for _ in range(requests):
                with urlopen(self.targets[target].url(balancer), timeout=10) as answer:  # noqa: S310 - loopback
                    found.add(json.loads(answer.read())["version"])
        return found

    def servers(self, target: str, balancer: int = 0) -> dict[str, tuple[bool, int]]:
        """Server of the backend -> (in service, weight), as HAProxy says."""
        reply = socket_command(
            self.targets[target].balancers[balancer].folder / "site" / "haproxy.sock", "show servers state shop"
        )
        header, *lines = [line.lstrip("# ").split() for line in reply.strip().splitlines()[1:]]
        rows = [dict(zip(header, line, strict=False)) for line in lines]
        return {row["srv_name"]: (int(row["srv_admin_state"]) == 0, int(row["srv_uweight"])) for row in rows}


@contextmanager
def fleet(
    sizes: Mapping[str, int] | None = None, *, balancers: int = 2, policy: str = "parallel: 8", playbook: str = PLAYBOOK,
    waves: str = "",
) -> Iterator[Fleet]:  # fmt: skip
    """`sizes`: target -> how many hosts; each target is a wave of its own, in that order, unless `waves` says otherwise."""
    sizes = sizes or {"canary": 2, "rest": 3}
    if shutil.which("haproxy") is None:
        assert not os.environ.get("CI"), "CI needs haproxy"
        pytest.skip("haproxy is not installed")
    if os.getuid() != 0:
        assert not os.environ.get("CI"), "CI needs root, so that load balancers can have their files in the same places"
        pytest.skip("two load balancers with their files in the same places need root")
    root = Path(tempfile.mkdtemp(prefix="rf-"))  # short: HAProxy's sockets are below it
    try:
        with opened(root, NET) as lab, ExitStack() as running:
            made = Fleet(root, lab)
            for name, size in sizes.items():
                target = _target(lab, name, size, balancers)
                made.targets[name] = target
                for balancer in target.balancers:
                    running.enter_context(haproxy(balancer, target.listen, target.ports))
            _write(made, policy, playbook, waves or json.dumps([[name] for name in sizes]))
            try:
                yield made
            finally:
                for session in made.sessions:
                    session.close()
    finally:
        clear(root)


def _target(lab: Lab, name: str, size: int, balancers: int) -> Target:
    hosts = [lab.server() for _ in range(size)]
    numbers = free_ports(2 * size + 1)
    ports = {host.address: (numbers[2 * i], numbers[2 * i + 1]) for i, host in enumerate(hosts)}
    return Target(name, hosts, [balancer_of(lab) for _ in range(balancers)], numbers[-1], ports)


def _write(made: Fleet, policy: str, playbook: str, waves: str) -> None:
    texts = []
    for name, target in made.targets.items():
        hosts = [
            f"      - {{ name: {at}, groups: [{name}, {'first' if index == 0 else 'others'}], "
            f"ports: {{ blue: {blue}, green: {green} }} }}"
            for index, (at, (blue, green)) in enumerate(target.ports.items())
        ]
        texts.append(
            TARGET.format(
                name=name,
                hosts="\n".join(hosts),
                user=getpass.getuser(),
                port=PORT,
                python=sys.executable,
                balancers=", ".join(server.address for server in target.balancers),
                site=made.root / "lb",
            )
        )
    for kind, file, text in (
        ("environments", "test.yaml", ENVIRONMENT.format(targets="".join(texts), waves=waves, fleet=policy)),
        ("playbooks", "quick.yaml", playbook),
    ):
        (made.root / kind).mkdir()
        (made.root / kind / file).write_text(text)


def eventually(condition: Callable[[], bool], within: float, what: str) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.1)
