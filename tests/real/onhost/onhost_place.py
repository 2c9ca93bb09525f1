"""Router sites on this machine, with real agents and guards; the router itself is a JSON file that a dialect knows."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.ledger import claim_json, plain, settling_json
from releaser.adapters.routers.site import RouterSite
from releaser.core.values import Binding, Counts, Release, Split
from releaser.onhost import clock, statedir
from releaser.onhost.__main__ import answer
from releaser.ports import Claim, RouterState, Settling
from releaser.shell import LocalShell

OLD, NEW = Release.of("1.0", "a", "c"), Release.of("2.0", "a", "c")
BINDING: Binding = (("blue", OLD.id), ("green", NEW.id))
STABLE, CANARY = Split.all_to(OLD.id), Split.of({OLD.id: 95, NEW.id: 5})


class FileDialect:
    """A router whose whole configuration is one JSON file; `idle` makes its write do nothing."""

    finest = 1

    def __init__(self, path: Path, *, idle: bool = False) -> None:
        self.path = path
        self.idle = idle

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        if self.idle:
            return ({"do": "run", "argv": ["true"]},)
        text = json.dumps({"split": dict(split.weights), "generation": generation})
        return ({"do": "replace", "path": str(self.path), "text": text},)

    def look(self, generation: int | None = None) -> Recipe:
        wanted = "" if generation is None else f'"generation": {generation}}}'
        return ({"do": "run", "argv": ["grep", "-F", wanted, str(self.path)]},)

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        said = json.loads(replies[0])
        return RouterState(Split.of(said["split"]), said["generation"])

    def count(self) -> Recipe:
        return self.look()

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        return {release: Counts(len(replies)) for _, release in binding}


class Place:
    """One directory with a site in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.router = root / "router.json"
        self.shell = LocalShell(root)
        self.dialect = FileDialect(self.router)
        self.site = RouterSite("web/lb1", self.shell, str(self.state), self.dialect, "demo")

    def claim(self, rollout: str = "r1", lease: float = 20.0, **more: Any) -> Claim:
        return Claim("ada@laptop", rollout, NEW, STABLE, BINDING, lease, **more)

    def canary(self, *, fence: int = 1, timer: float = 20.0, rollout: str = "r1") -> None:
        """Acquired, armed, 5 % on the new release."""
        self.site.ledger.acquire(self.claim(rollout, timer), fence, force=False, within=20)
        self.site.arm(STABLE, BINDING, fence * 1000 + 1, fence=fence, timer=timer, within=20)
        self.site.shift(CANARY, BINDING, fence * 1000 + 2, fence=fence, within=20)

    def applied(self) -> RouterState:
        said = json.loads(self.router.read_text())
        return RouterState(Split.of(said["split"]), said["generation"])

    def is_stable(self) -> bool:
        return self.applied().split == STABLE

    def rearm(self, fence: int, number: int) -> None:
        """In this process, for speed: a live lease on 5 %, and a switch whose time is over."""
        self._tell("ledger.acquire", claim=claim_json(self.claim(f"r{number}", 600.0)), fence=fence, force=True)
        order = {"fence": fence, "split": plain(CANARY), "generation": fence * 1000 + 1}
        write = self.dialect.write(CANARY, BINDING, fence * 1000 + 1)
        self._tell("router.write", **order, write=write, look=[])
        revert = self.dialect.write(STABLE, BINDING, fence * 1000 + 2)
        body = {"fence": fence, "split": plain(STABLE), "generation": fence * 1000 + 2, "revert": revert, "look": []}
        timing = {"boot": clock.boot(self.state), "renewed": clock.seconds(), "timer": 0.0, "rehearsal": False}
        statedir.arm(self.state, statedir.next_number(self.state), body | timing)

    def commit(self, fence: int) -> bool:
        """Whether it was let."""
        rollout = statedir.load(self.state)["holder"] or {"rollout": "gone"}
        settling = settling_json(Settling("committed", rollout["rollout"], NEW.id))
        return "ok" in answer("ledger.settle", {"state": str(self.state), "settling": settling, "fence": fence})

    def fence(self) -> int:
        return int(statedir.load(self.state)["fence"])

    def _tell(self, verb: str, **request: Any) -> None:
        told = answer(verb, json.loads(json.dumps({"state": str(self.state), **request})))
        assert "ok" in told, told

    def guard_pid(self) -> int:
        return int(json.loads((self.state / "guard.json").read_text())["pid"])

    def kill_guard(self) -> None:
        pid = self.guard_pid()
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.site.ledger.read(within=20).guard == "dead")


def until(condition: Callable[[], bool], seconds: float = 20.0) -> float:
    """Poll until `condition` holds; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it never came true"
        time.sleep(0.01)
    return time.monotonic() - begun


def opened(root: Path) -> Iterator[Place]:
    """A place whose guard ends with the test."""
    made = Place(root)
    yield made
    if (made.state / "guard.json").exists() and made.site.ledger.read(within=20).guard == "alive":
        os.kill(made.guard_pid(), signal.SIGKILL)
