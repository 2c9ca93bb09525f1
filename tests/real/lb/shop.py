"""A shop on two hosts behind load balancers, with the environment of the how-to page, an ordinary command line, and users."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from balancers import BALANCERS, Balancer
from machines import Machine, Network, network, until

from releaser.adapters.routers.managed_program import binary
from releaser.errors import ConfigError
from releaser.testing.app_artifact import write_artifact
from releaser.testing.load import Sent

__all__ = ["PLAYBOOK", "USERS", "Shop", "Users", "children", "heard", "shop"]

WEBS = ("web1.example.com", "web2.example.com")
NAMES = ("lb1.example.com", "lb2.example.com")
USERS = "shop.example.com"
"""What the users call it: both load balancers have this name."""
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
targets:
  web:
    kind: hosts
    hosts: [web1.example.com, web2.example.com]
    ssh: {{ user: root, known_hosts: ./known_hosts, key: ./id, agent: false, python: {python} }}
    path: /srv/shop
    run: {python} app.py --host 0.0.0.0 --port {{port}} --version {{version}}
{router}
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 1s, passes: 2, fails: 2 }}
  errors: {{ kind: router, every: 200ms }}
fleet: {{ {fleet} }}
playbook: quick
freeze_after_rollback: 0s
"""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }, { weight: 100% } ]
bake: 500ms
judge: { errors: { not_worse_than: 2x, within: 20% }, beta: 20% }
budget: { step: 60s, release: 3m, rollback: 20s, deadman: 10s, ready: 60s }
"""


@dataclass
class Users:
    """What they saw; filled once they are gone."""

    sent: list[Sent] = field(default_factory=list)

    @property
    def failed_by_us(self) -> list[Sent]:
        return [one for one in self.sent if one.failed_by_us]

    @property
    def versions(self) -> set[str]:
        return {one.version for one in self.sent if one.version}


@dataclass
class Shop:
    root: Path
    network: Network
    kind: Balancer
    balancers: tuple[str, ...]

    def machine(self, name: str) -> Machine:
        return self.network.machines[f"{name}.example.com"]

    def build(self, version: str, fault: str = "none") -> None:
        log = str(self.log(version))
        write_artifact(self.root / "dist" / f"shop-{version}", "--fault", fault, "--log", log)

    def log(self, version: str) -> Path:
        """What both hosts wrote of that version's requests: the machines share the disk of the test."""
        return self.root / f"requests-{version}.log"

    def argv(self, *words: str, output: str = "json") -> list[str]:
        line = ["-m", "releaser", *words, "-e", "production", "-o", output, "--folder", str(self.root)]
        environ = ["env", f"RELEASER_STATE={self.root}/state"]
        return self.network.laptop.inside(*environ, sys.executable, *line)

    def command(self, *words: str, output: str = "json") -> "subprocess.CompletedProcess[str]":
        """`releaser WORDS` on the laptop, to its end."""
        done = subprocess.run(
            self.argv(*words, output=output), capture_output=True, text=True, check=False, timeout=100
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def answer(self, *words: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.command(*words).stdout)
        return told

    def promote(self, version: str, fault: str = "none") -> "subprocess.CompletedProcess[str]":
        self.build(version, fault)
        return self.command("promote", version, "-y")

    @contextmanager
    def spawn(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """`releaser WORDS` on the laptop, an event a line on stdout; killed at the end if it still runs."""
        process = subprocess.Popen(self.argv(*words, output="jsonl"), stdout=subprocess.PIPE, text=True)
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    for child in children(process.pid):
                        os.kill(child, signal.SIGKILL)

    def splits(self) -> dict[str, dict[str, int] | None]:
        """By load balancer, then by version: each one's own word."""
        routers = self.answer("status")["status"][0]["routers"]
        return {
            name.partition("/")[2].partition(".")[0]: one["split"] and _by_version(one["split"])
            for name, one in routers.items()
        }

    @contextmanager
    def users(self, rate: float = 60.0, *options: str, at: Sequence[str] = (), path: str = "/") -> Iterator[Users]:
        """As many on every load balancer, from a process of their own; what they saw is there at the end."""
        seen, outs = Users(), []
        processes = []
        for name in at or self.balancers:
            outs.append(self.root / f"{name}{path.replace('/', '-')}.jsonl")
            line = ["-m", "releaser.testing.load", f"http://{name}{path}", "--host", USERS, "--rate", str(rate)]
            line += ["--name", name, "--out", str(outs[-1]), *options]
            processes.append(
                subprocess.Popen(self.network.laptop.inside(sys.executable, *line), stdout=subprocess.DEVNULL)
            )
        try:
            yield seen
        finally:
            for process in processes:
                for child in children(process.pid):
                    os.kill(child, signal.SIGTERM)
                process.wait(timeout=30)
            for out in outs:
                seen.sent += [Sent(**json.loads(line)) for line in out.read_text().splitlines()]

    def asked(self, name: str, *headers: str) -> dict[str, str]:
        """The headers of one answer that a user of that load balancer gets, by their names in small letters."""
        more = [word for header in headers for word in ("-H", header)]
        url = f"http://{name}.example.com/"
        told = self.network.laptop.run(
            "curl", "-s", "-m", "2", "-D", "-", "-o", "/dev/null", "-H", f"host: {USERS}", *more, url
        )
        fields = [line.partition(":") for line in told.splitlines()[1:]]
        return {name.lower(): value.strip() for name, _, value in fields}

    def until_open(self, name: str, count: int) -> None:
        """Wait until so many connections of users stand at a load balancer."""
        ports = "ss -Htn state established '( sport = :80 )'"
        until(lambda: len(self.machine(name).run("sh", "-c", ports).splitlines()) >= count)

    def serves(self, name: str) -> None:
        """Wait until a load balancer answers at all."""
        get = f"curl -s -o /dev/null -m 2 -H 'host: {USERS}' -w '%{{http_code}}' http://{name}/"
        until(lambda: self.network.laptop.run("sh", "-c", get, check=False).strip() not in ("", "000"))


@contextmanager
def shop(
    kind: str, balancers: int = 2, *, playbook: str = PLAYBOOK, fleet: str = "drain: 1s, keep_warm: 10m"
) -> Iterator[Shop]:
    chosen, names = BALANCERS[kind], NAMES[:balancers]
    try:
        binary(chosen.kind)
    except ConfigError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(missing.message)
    root = Path(tempfile.mkdtemp(prefix="rl-"))
    try:
        with network(root / "net", [*WEBS, *names]) as net:
            made = Shop(root, net, chosen, names)
            _write(made, playbook, fleet)
            for name in names:
                chosen.run(net.machines[name])
            for name in names:
                made.serves(name)
            yield made
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _write(made: Shop, playbook: str, fleet: str) -> None:
    for folder in ("environments", "playbooks"):
        (made.root / folder).mkdir()
    router = made.kind.router().replace("sudo, -n, ", "")  # root needs none
    router = router.replace("lb1.example.com, lb2.example.com", ", ".join(made.balancers))
    if len(made.balancers) > 1:
        router = router.replace("[lb1.example.com]", f"[{', '.join(made.balancers)}]")
    text = ENVIRONMENT.format(python=sys.executable, router=indent(router, "    "), fleet=fleet)
    (made.root / "environments" / "production.yaml").write_text(text)
    (made.root / "playbooks" / "quick.yaml").write_text(playbook)
    (made.root / "known_hosts").write_text(made.network.known_hosts())
    shutil.copyfile(made.network.key, made.root / "id")
    (made.root / "id").chmod(0o600)


def heard(
    process: "subprocess.Popen[str]", kind: str | None, *, step: int | None = None, urgent: bool | None = None
) -> dict[str, Any]:
    """Read a spawned command's events up to the next one of this kind; None: its answer, which is no event."""
    assert process.stdout is not None
    story = []
    for line in process.stdout:
        story.append(line)
        told: dict[str, Any] = json.loads(line)
        event = told.get("event", {"kind": None})
        if event.get("kind") == kind and step in (None, event.get("step")) and urgent in (None, event.get("urgent")):
            return told
    raise AssertionError(f"the process ended before {kind}:\n{''.join(story)}")


def _by_version(split: dict[str, int]) -> dict[str, int]:
    return {release.rpartition("-")[0]: weight for release, weight in split.items()}


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
