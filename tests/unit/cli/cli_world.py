"""A whole environment for the command line's tests: real session, journal and loop over fake hosts, in one temporary folder."""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from releaser.cli.main import run
from releaser.config.environment import Target
from releaser.core.values import Counts, Reading
from releaser.engine.session import Session
from releaser.engine.threads import together
from releaser.engine.wiring import Wiring
from releaser.onhost.clock import Now
from releaser.ports import Probe, World
from releaser.testing.fakes_hosts import FakeHost, FakeProbe, FakeTarget
from releaser.testing.fakes_line import DirectLine
from releaser.testing.fakes_ports import site_ports
from releaser.testing.fakes_site import FakeSite

ENVIRONMENT = """\
app: shop
artifact: dist/shop-{version}
hosts: [web1.example.com]
user: deploy
run: ./bin/shop --port {port}
router: haproxy://lb1.example.com/shop
probes:
  up: { kind: http, path: /healthz, every: 50ms, timeout: 1s, passes: 2 }
  errors: { kind: router, every: 100ms }
playbook: quick
freeze_after_rollback: 1h
"""
PLAYBOOK = """\
strategy: canary
steps:
  - { weight: 50% }
  - { weight: 100% }
bake: 300ms
judge: { errors: { not_worse_than: 1.1x, within: 20% } }
budget: { step: 20s, release: 60s, rollback: 30s, deadman: 6s, ready: 10s }
"""
SLOW = PLAYBOOK.replace("{ weight: 50% }", "{ weight: 50%, at_least: 30s }").replace("step: 20s", "step: 60s")
PER_SECOND = 400


@dataclass(slots=True)
class FakeWiring(Wiring):
    """Wiring that leads to fakes."""

    fakes: World | None = None
    answers: Probe | None = None
    """Asks whether a release answers at all."""

    def world(self, journal_head: Callable[[], tuple[str, int, str] | None] = lambda: None) -> World:
        assert self.fakes is not None
        return replace(self.fakes, journal_head=journal_head, holder=self.holder)

    def finest(self, router: str) -> int:
        return 1

    def answer_probe(self, target: Target) -> Probe | None:
        return self.answers

    def run_local_routers(self) -> None:
        """There are none."""


@dataclass
class Place:
    """One temporary folder with an environment `production`, its journal, hosts and router."""

    folder: Path
    bad: set[str] = field(default_factory=set)
    """Versions that fail half of their requests."""
    sick: set[str] = field(default_factory=set)
    """Versions whose health probe fails."""
    hung: set[str] = field(default_factory=set)
    """Versions that accept and never answer."""
    environ: dict[str, str] = field(default_factory=dict)
    columns: int = 80

    def __post_init__(self) -> None:
        for name, text in {
            "environments/production.yaml": ENVIRONMENT,
            "playbooks/quick.yaml": PLAYBOOK,
            "playbooks/slow.yaml": SLOW,
        }.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        self.environ = {"RELEASER_STATE": str(self.folder / "state"), "RELEASER_BY": "ada@laptop"}
        self.host = FakeHost("web1.example.com", time.monotonic)
        self.site = FakeSite("web/lb1.example.com", lambda: Now(time.monotonic(), "boot-1"), self.meter)
        self.counted: dict[str, Counts] = {}
        self.since = time.monotonic()
        probe = FakeProbe({"web1": self.host}, self.health)
        self.world = World(
            {"web": FakeTarget({"web1": self.host})},
            {"web": probe},
            {self.site.name: site_ports(self.site, DirectLine())},
            "ada@laptop",
            together,
        )

    def build(self, *versions: str) -> None:
        for version in versions:
            path = self.folder / "dist" / f"shop-{version}" / "bin"
            path.mkdir(parents=True, exist_ok=True)
            (path / "shop").write_text(f"#!/bin/sh\necho {version}\n")

    def health(self, host: FakeHost, release: Any) -> Reading:
        return Reading(release.version not in self.sick, "as told", release.version)

    def any_answer(self, host: FakeHost, release: Any) -> Reading:
        return Reading(release.version not in self.hung, "no answer in time", release.version)

    def meter(self) -> Mapping[str, Counts]:
        """PER_SECOND requests, divided as the router divides them."""
        now = time.monotonic()
        passed, self.since = now - self.since, now
        for release, weight in self.site.split.weights if self.site.split else ():
            before = self.counted.get(release, Counts())
            more = round(passed * PER_SECOND * weight / 100)
            failed = more // 2 if release.rpartition("-")[0] in self.bad else 0
            self.counted[release] = Counts(before.completed + more, before.failed + failed)
        return dict(self.counted)

    def open(self, name: str | None, folder: Path, *, environ: Mapping[str, str], settings: Sequence[str]) -> Session:
        session = Session.open(name, folder, environ=environ, settings=settings)
        target = self.world.targets["web"]
        hosts = target.hosts if isinstance(target, FakeTarget) else {"web1": self.host}
        answers = FakeProbe(hosts, self.any_answer)
        session.wiring = FakeWiring(
            session.environment, session.registry, session.by, folder, fakes=self.world, answers=answers
        )
        return session

    def run(self, *words: str, stdin: str = "") -> "Answered":
        out, err = io.StringIO(), io.StringIO()
        code = run(
            [*words, "--folder", str(self.folder)],
            environ=self.environ,
            stdin=io.StringIO(stdin),
            out=out,
            err=err,
            opener=self.open,
        )
        return Answered(code, out.getvalue(), err.getvalue())

    def digest(self) -> str:
        """Of everything that a refused command must not change."""
        return sha256(
            repr((self.site.ledger, self.site.split, self.site.generation, self.host.slots)).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class Answered:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found
