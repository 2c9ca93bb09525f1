"""A whole environment on this machine for one test: directory, versions with faults, a real router, traffic, and the end of it all."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from releaser.cli.demo_stage import clear
from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.engine.session import Session, Show
from releaser.testing.app_artifact import write_artifact
from releaser.testing.free_ports import free_ports
from releaser.testing.load import Load, Sent, Traffic

ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
hosts: [local]
path: ./at
ports: {{ blue: {blue}, green: {green} }}
run: {python} app.py --port {{port}} --version {{version}}
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 1s, passes: 2, fails: 2 }}
  errors: {{ kind: router, every: 200ms }}
router: {router}://local:{listen}
fleet: {{ drain: 500ms, keep_warm: 10m }}
playbook: quick
freeze_after_rollback: 10m
"""
TWO_ROUTERS = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
targets:
  web:
    kind: hosts
    connection: local
    hosts: [local]
    path: ./at
    ports: {{ blue: {blue}, green: {green} }}
    run: {{ command: "{python} app.py --port {{port}} --version {{version}}" }}
    router: {{ kind: {router}, managed: true, listen: {listen}, hosts: [local] }}
  mobile:
    kind: hosts
    connection: local
    hosts: [local]
    path: ./beside
    ports: {{ blue: {other_blue}, green: {other_green} }}
    run: {{ command: "{python} app.py --port {{port}} --version {{version}}" }}
    router: {{ kind: {router}, managed: true, listen: {beside}, hosts: [local] }}
waves: [ [mobile, web] ]
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 1s, passes: 2, fails: 2 }}
  errors: {{ kind: router, every: 200ms }}
fleet: {{ drain: 500ms, keep_warm: 10m }}
playbook: quick
freeze_after_rollback: 10m
"""
"""The same application twice, each time behind a router of its own: both move together."""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 3% } }
budget: { step: 30s, release: 3m, rollback: 10s, deadman: 3s, ready: 15s }
"""
QUICKEST = """\
strategy: canary
steps: [ { weight: 50% }, { weight: 100% } ]
bake: 300ms
judge: { errors: { not_worse_than: 2x, within: 20% }, beta: 20% }
budget: { step: 30s, release: 1m, rollback: 20s, deadman: 2s, ready: 30s }
"""
"""The same with less evidence: where it is not the judge that is looked at."""


class Story:
    """Implements ports.Notifier: every entry, and something to be done when one arrives."""

    def __init__(self, react: Callable[[e.Entry], None] | None = None) -> None:
        self.entries: list[e.Entry] = []
        self.react = react

    def tell(self, entry: e.Entry) -> None:
        self.entries.append(entry)
        if self.react:
            self.react(entry)

    def kinds(self) -> list[str]:
        return [type(entry.event).__name__ for entry in self.entries]


@dataclass
class Local:
    """One environment below `root`. `machine` names whose journal is used: another one is another machine's."""

    root: Path
    listen: int
    ports: Mapping[str, int]
    sessions: list[Session] = field(default_factory=list)
    beside: int | None = None
    """The port of a second router, before a target of its own."""

    def environ(self, machine: str = "here") -> dict[str, str]:
        return {**os.environ, "RELEASER_STATE": str(self.root / f"state-{machine}")}

    def session(self, machine: str = "here") -> Session:
        session = Session.open("test", self.root, environ=self.environ(machine), by=f"ada@{machine}")
        self.sessions.append(session)
        return session

    def build(self, version: str, fault: str = "none") -> None:
        log = str(self.root / f"requests-{version}.log")
        write_artifact(self.root / "dist" / f"shop-{version}", "--fault", fault, "--log", log)

    def promote(
        self, version: str, fault: str = "none", *, react: Callable[[e.Entry], None] | None = None, **options: Any
    ) -> Rollout:
        """Built if it is not there, planned and driven in this process."""
        if not (self.root / "dist" / f"shop-{version}").exists():
            self.build(version, fault)
        session = self.session()
        plan = session.plan(version, **options)
        assert isinstance(plan, Plan), plan
        return session.drive(plan, show=Show((Story(react),)))

    def rollback(self, *, machine: str = "here", **options: Any) -> Rollout:
        session = self.session(machine)
        plan = session.plan_rollback(**options)
        assert isinstance(plan, Plan), plan
        return session.drive(plan)

    @contextmanager
    def spawn(self, *words: str, machine: str = "here") -> Iterator["subprocess.Popen[str]"]:
        """`releaser WORDS` in a session of its own, an event a line on stdout; killed at the end if it still runs."""
        argv = [sys.executable, "-m", "releaser", *words, "-e", "test", "-o", "jsonl", "-y", "--folder", str(self.root)]
        with subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ(machine),
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def traffic(self, rate: float = 200.0, *, listen: int | None = None) -> Load:
        return Load(Traffic(f"http://127.0.0.1:{listen or self.listen}/", rate=rate))

    def split(self) -> dict[str, int]:
        """By version, as the router itself says."""
        (state,) = self.watcher.observe().routers.values()
        return {name.rpartition("-")[0]: weight for name, weight in state.split.weights} if state.split else {}

    def ledger(self) -> Any:
        (state,) = self.watcher.observe().ledgers.values()
        return state

    @property
    def watcher(self) -> Session:
        """One session to look with, again and again."""
        return self.sessions[0] if self.sessions else self.session()

    def settled(self) -> bool:
        """Nothing armed, nobody holds it, nothing is on its way."""
        state = self.ledger()
        return state.armed_left is None and state.holder is None and state.candidate is None

    @property
    def site(self) -> Path:
        """The router's state directory."""
        return self.root / "at" / ".releaser" / "router"

    def until(self, condition: Callable[[], bool], within: float, what: str) -> float:
        """Seconds until it holds; fails with `what` if it does not in time."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < within, f"not within {within} s: {what}"
            time.sleep(0.05)
        return time.monotonic() - began


def until_kind(process: "subprocess.Popen[str]", kind: str) -> dict[str, Any]:
    """Read events until one of this kind."""
    for told in events_of(process):
        if told.get("event", {}).get("kind") == kind:
            return told
    raise AssertionError(f"the process ended before {kind}")


def events_of(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def failed_by_us(sent: list[Sent]) -> list[Sent]:
    return [one for one in sent if one.failed_by_us]


@contextmanager
def local_environment(router: str = "envoy", playbook: str = PLAYBOOK, *, two: bool = False) -> Iterator[Local]:
    """With `two` routers instead of one."""
    root = Path(tempfile.mkdtemp(prefix="rt-")).resolve()
    names = ("blue", "green", "listen", "other_blue", "other_green", "beside")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    slots = {slot: ports[slot] for slot in ("blue", "green")}
    local = Local(root, ports["listen"], slots, beside=ports["beside"] if two else None)
    try:
        for kind in ("environments", "playbooks"):
            (root / kind).mkdir()
        text = (TWO_ROUTERS if two else ENVIRONMENT).format(router=router, python=sys.executable, **ports)
        (root / "environments" / "test.yaml").write_text(text)
        (root / "playbooks" / "quick.yaml").write_text(playbook)
        yield local
    finally:
        for session in local.sessions:
            session.close()
        clear(root)
