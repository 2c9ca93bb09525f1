"""What is the simulated world made of? Two routers with guards, three hosts, users, and a candidate of some quality.

Nothing here knows of rollouts: it only does what real hosts and users do, and tells its watcher.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from random import Random

from releaser.core.values import Reading, Release, Slot, Split
from releaser.onhost.clock import Now
from releaser.ports import Claim, Settling, World
from releaser.testing.fakes import (
    FakeHost,
    FakeProbe,
    FakeRun,
    FakeSite,
    FakeSwitch,
    FakeTarget,
    one_by_one,
    site_ports,
)
from releaser.testing.sim_process import Process
from releaser.testing.sim_quality import SERVING, Quality
from releaser.testing.sim_time import GRID, Timeline, on_grid
from releaser.testing.sim_users import Users, WorldWatcher
from releaser.testing.sim_wire import Wire

__all__ = ["PRODUCTION", "SimWorld"]

PRODUCTION = "production"
"""The environment that faults befall; another one is there to see that they do not befall it too."""
HOSTS = ("app1", "app2", "app3")
ROUTERS = ("lb1", "lb2")
STARTING = 2.0
"""Seconds from a start to the first good answer."""


class SimWorld:
    """One environment: its routers and hosts, what they serve, and what may befall them."""

    def __init__(
        self, name: str, timeline: Timeline, chance: Random, watcher: WorldWatcher, qualities: Mapping[str, Quality]
    ) -> None:
        self.name = name
        self.timeline = timeline
        self.chance = chance
        self.watcher = watcher
        self.qualities = qualities
        self.first_request: dict[str, float] = {}
        self.down: dict[str, float] = {}
        """Host or router -> until when it is rebooting."""
        self.boots = {router: f"{router}-1" for router in ROUTERS}
        self._answering: dict[str, bool] = {}
        """Release -> whether every host answers for it, as long as nothing changes there."""
        self.users = {router: Users(self) for router in ROUTERS}
        self.sites = {router: self._site(router, index) for index, router in enumerate(ROUTERS)}
        self.hosts = {host: FakeHost(host, self._host_clock, _Told(self)) for host in HOSTS}
        self.flaps = dict.fromkeys(HOSTS, 0)

    def serve(self, release: Release, slot: Slot, good: tuple[str, ...] = ()) -> None:
        for host in self.hosts.values():
            host.serve(release, slot)
        for site in self.sites.values():
            site.serve(release, slot, good=good)

    def ports(self, process: Process, holder: str) -> World:
        """What one process sees of this world: every call over a wire of its own."""
        where = "" if self.name == PRODUCTION else f"{self.name}-"
        lines = {host: Wire(process, where + host) for host in self.hosts}
        sites = {f"web/{name}": site_ports(site, Wire(process, where + name)) for name, site in self.sites.items()}
        target = FakeTarget(self.hosts, lines)
        probe = FakeProbe(self.hosts, self.health, lines)
        return World({"web": target}, {"web": probe}, sites, holder, one_by_one, process.head)

    # what versions are like

    def quality(self, release: str) -> Quality:
        return self.qualities.get(release, SERVING)

    def bound(self) -> list[str]:
        """The releases in the slots: a router counts by slot."""
        return [run.release.id for run in self.hosts[HOSTS[0]].slots.values()]

    def answers(self, release: str) -> bool:
        """Whether every host answers for this release: one that is down fails its share, and we count it as all."""
        answering = self._answering.get(release)
        if answering is None:
            at = self._host_clock()
            answering = all(host.running(release, at) for host in self.hosts.values())
            self._answering[release] = answering
        return answering

    def health(self, host: FakeHost, release: Release) -> Reading:
        quality = self.quality(release.id)
        if quality.answers == "never":
            return Reading(False, "status 503")
        if quality.answers == "another version":
            return Reading(False, "version 0.9 answers", "0.9")
        if quality.answers == "now and then":
            self.flaps[host.name] += 1
            if self.flaps[host.name] % 3 == 0:
                return Reading(False, "status 503")
        for run in host.slots.values():
            if run.release.id == release.id and host.clock() < run.since + STARTING:
                return Reading(False, "still starting")
        return well(release.version)

    # what may befall them

    def reboot(self, router: str, seconds: float) -> None:
        """The router's host restarts: another boot id, its guard comes back with it and finds what was armed."""
        site, now = self.sites[router], self.timeline.now
        self.users[router].pass_()
        self.down[router] = now + seconds
        self.boots[router] += "+"
        site.guard_alive = True
        self.timeline.at(now + seconds, self._guard, site)

    def kill_guard(self, router: str, seconds: float) -> None:
        """The guard dies; what starts it again is a renewal, or its own supervisor after `seconds`."""
        site = self.sites[router]
        site.guard_alive = False
        self.timeline.after(seconds, self._revive, site)

    def crash_process(self, host: str, release: str, seconds: float) -> None:
        """The application dies on one host, and its supervisor brings it back after `seconds`."""
        self.changing()
        for run in self.hosts[host].slots.values():
            if run.release.id == release:
                run.down_until = self._host_clock() + seconds
        self.timeline.after(seconds + GRID, self.changing)

    def changing(self) -> None:
        """From now on other hosts answer: what went before is counted, and who answers is asked again."""
        self.pass_()
        self._answering.clear()

    def pass_(self) -> None:
        for users in self.users.values():
            users.pass_()

    def split(self, router: str) -> Split | None:
        return self.sites[router].split

    def _site(self, router: str, index: int) -> FakeSite:
        users = self.users[router]
        site = FakeSite(router, partial(self._site_clock, router, 777.0 * (index + 1)), users.read, _Told(self))
        users.site = site
        return site

    def _site_clock(self, router: str, offset: float) -> Now:
        return Now(self.timeline.now + offset, self.boots[router])

    def _host_clock(self) -> float:
        return self.timeline.now + 9000.0

    def guard_later(self, site: FakeSite) -> None:
        """One look at a time is planned; a renewal moves the next one when it comes."""
        due = site.due()
        if due is not None:
            when = self.timeline.now + due - site.clock().at + on_grid(self.chance, GRID, 8 * GRID)
            self.timeline.at(when, self._guard, site)

    def _guard(self, site: FakeSite) -> None:
        if self.timeline.now < self.down.get(site.name, 0.0):
            return
        site.guard()
        if site.guard_alive:
            self.guard_later(site)

    def _revive(self, site: FakeSite) -> None:
        if not site.guard_alive:
            site.guard_alive = True
            self._guard(site)


@cache
def well(version: str) -> Reading:
    """A good answer."""
    return Reading(True, version=version)


class _Told(WorldWatcher):
    """Keeps the world's own books up to date, then tells the world's watcher."""

    __slots__ = ("watcher", "world")

    def __init__(self, world: SimWorld) -> None:
        self.world = world

    def writing(self, site: FakeSite) -> None:
        self.world.users[site.name].pass_()

    def changing(self, host: FakeHost) -> None:
        self.world.changing()

    def written(self, site: FakeSite, before: Split | None, by: str, fence: int) -> None:
        self.world.watcher.written(site, before, by, fence)

    def acquired(self, site: FakeSite, claim: Claim, fence: int, *, force: bool) -> None:
        self.world.watcher.acquired(site, claim, fence, force=force)

    def settled(self, site: FakeSite, settling: Settling, fence: int) -> None:
        self.world.watcher.settled(site, settling, fence)

    def armed(self, site: FakeSite, switch: FakeSwitch) -> None:
        self.world.guard_later(site)
        self.world.watcher.armed(site, switch)

    def renewed(self, site: FakeSite, fence: int) -> None:
        self.world.watcher.renewed(site, fence)

    def fired(self, site: FakeSite, switch: FakeSwitch) -> None:
        self.world.watcher.fired(site, switch)

    def placed(self, host: FakeHost, release: Release) -> None:
        self.world.watcher.placed(host, release)

    def started(self, host: FakeHost, slot: Slot, run: FakeRun) -> None:
        self.world.watcher.started(host, slot, run)

    def stopping(self, host: FakeHost, slot: Slot, run: FakeRun) -> None:
        if run.stop_at is not None:
            self.world.timeline.after(run.stop_at - host.clock(), host.supervise)
        self.world.watcher.stopping(host, slot, run)

    def stopped(self, host: FakeHost, slot: Slot, run: FakeRun) -> None:
        self.world.watcher.stopped(host, slot, run)

    def collected(self, host: FakeHost, removed: Sequence[str]) -> None:
        self.world.watcher.collected(host, removed)
