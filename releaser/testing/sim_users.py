"""How many requests do the users of one router make, of which releases, and how many of them fail? What its counters say of it."""

from collections.abc import Mapping
from random import Random
from typing import Protocol

from releaser.core.values import Counts
from releaser.errors import FailedError
from releaser.testing.fakes import FakeSite, HostWatcher, SiteWatcher
from releaser.testing.sim_quality import BASE, SERVING, Quality
from releaser.testing.sim_time import Timeline

__all__ = ["Behind", "Users", "WorldWatcher"]

RATE = 100.0
"""Requests a second on each router."""
OPEN_FOR = 15.0
"""Seconds after which a router gives up on a request that hangs."""


class WorldWatcher(SiteWatcher, HostWatcher):
    """Told of every change of a site or host, and of requests that nobody could answer."""

    def counted(self, router: str) -> None:
        """The counters of a router were read, and gave an answer."""

    def unanswered(self, site: FakeSite, release: str, requests: float) -> None:
        """Users were sent to a release that is not ready: `requests` of them."""


class Behind(Protocol):
    """The world behind a router, as far as its users meet it."""

    timeline: Timeline
    chance: Random
    watcher: WorldWatcher
    qualities: Mapping[str, Quality]
    first_request: dict[str, float]
    """Release -> when it was first asked for anything."""
    down: dict[str, float]
    """Host or router -> until when it is rebooting."""

    def answers(self, release: str) -> bool: ...

    def bound(self) -> list[str]: ...


class Users:
    """The requests of one router, counted by release from the split and the quality of what answers."""

    __slots__ = ("active", "completed", "failed", "first", "last", "missing_until", "site", "world")

    def __init__(self, world: Behind) -> None:
        self.world = world
        self.site: FakeSite
        self.last = world.timeline.now
        self.completed: dict[str, float] = {}
        self.failed: dict[str, int] = {}
        self.active: dict[str, float] = {}
        self.missing_until = 0.0

    def pass_(self) -> None:
        """Count everything up to now. Before each change of who answers, and before each reading."""
        world, now, split = self.world, self.world.timeline.now, self.site.split
        seconds, self.last = now - self.last, now
        if seconds <= 0 or split is None or now < world.down.get(self.site.name, 0.0):
            return
        for release, weight in split.weights:
            begun = RATE * seconds * weight / 100
            quality = world.qualities.get(release, SERVING)
            if not world.answers(release):
                world.watcher.unanswered(self.site, release, begun)
                self._answered(release, begun, 1.0)
            elif quality.hangs:
                self.active[release] = self.active.get(release, 0.0) + begun
                given_up = max(0.0, self.active[release] - RATE * OPEN_FOR * weight / 100)
                self.active[release] -= given_up
                self._answered(release, given_up, 1.0)
            else:
                first = world.first_request.setdefault(release, now)
                self._answered(release, begun, quality.errors if now - first >= quality.after else BASE)

    def _answered(self, release: str, requests: float, rate: float) -> None:
        self.completed[release] = self.completed.get(release, 0.0) + requests
        expected, chance = requests * rate, self.world.chance
        if rate < 1.0:
            spread = (expected * (1.0 - rate)) ** 0.5
            expected = max(0.0, min(requests, expected + spread * (chance.random() + chance.random() - 1.0) * 2.45))
            expected = int(expected + chance.random())
        failed = self.failed.get(release, 0) + int(expected)
        self.failed[release] = min(failed, int(self.completed[release]))

    def read(self) -> Mapping[str, Counts]:
        self.pass_()
        if self.world.timeline.now < self.missing_until:
            if self.world.chance.random() < 0.5:
                raise FailedError(f"the counters of {self.site.name} cannot be read")
            return {}
        self.world.watcher.counted(self.site.name)
        failed, active, completed = self.failed, self.active, self.completed
        return {
            release: Counts(int(completed.get(release, 0.0)), failed.get(release, 0), int(active.get(release, 0.0)))
            for release in self.world.bound()
        }

    def reset(self) -> None:
        """The router's counters start anew."""
        self.pass_()
        self.completed.clear()
        self.failed.clear()
        self.active.clear()
