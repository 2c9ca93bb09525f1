"""What do the hosts of a target do, without hosts? Slots, placed releases and their processes in memory.

`FakeHost` is one host with two slots; `FakeTarget` and `FakeProbe` are the ports to all of them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from releaser.core.absent import Allowed, Missing, beyond
from releaser.core.values import SLOTS, Reading, Release, Slot
from releaser.errors import FailedError, FencedError, PortError, UnknownError, UnreachableError
from releaser.ports import SlotState
from releaser.testing.fakes_line import DirectLine, Line

__all__ = ["FakeHost", "FakeProbe", "FakeRun", "FakeTarget", "HostWatcher", "healthy"]


@dataclass(slots=True)
class FakeRun:
    """What one slot is bound to and whether its process should live."""

    release: Release
    since: float
    """When it was started, by the host's clock."""
    wanted: bool = True
    """False once it was stopped: a crash leaves it True, since its supervisor starts it again."""
    down_until: float = 0.0
    """A crashed process comes back then."""
    stop_at: float | None = None
    """When it ends by itself: after its drain, or after the time that it is kept warm."""

    def alive(self, at: float) -> bool:
        return self.wanted and at >= self.down_until


class HostWatcher:
    """Told of every change at a host, after it has happened. Does nothing by itself."""

    def changing(self, host: "FakeHost") -> None:
        """Told before a start or a stop."""

    def placed(self, host: "FakeHost", release: Release) -> None: ...

    def started(self, host: "FakeHost", slot: Slot, run: FakeRun) -> None: ...

    def stopping(self, host: "FakeHost", slot: Slot, run: FakeRun) -> None:
        """It will stop by itself at `run.stop_at`."""

    def stopped(self, host: "FakeHost", slot: Slot, run: FakeRun) -> None: ...

    def collected(self, host: "FakeHost", removed: Sequence[str]) -> None:
        """Old releases lie there no more."""


@dataclass(slots=True)
class FakeHost:
    """One host: placed releases, two slots with a supervisor each, and the fence of the last holder."""

    name: str
    clock: Callable[[], float]
    watcher: HostWatcher = field(default_factory=HostWatcher)
    fence: int = 0
    placed: dict[str, Release] = field(default_factory=dict)
    slots: dict[Slot, FakeRun] = field(default_factory=dict)
    current: str | None = None
    """What people are told is the committed release."""

    def serve(self, release: Release, slot: Slot) -> None:
        """As if `release` had been started here earlier."""
        self.placed[release.id] = release
        self.slots[slot] = FakeRun(release, self.clock() - 3600.0)

    def place(self, release: Release, fence: int) -> None:
        self._expect(fence)
        if release.id not in self.placed:
            self.placed[release.id] = release
            self.watcher.placed(self, release)

    def start(self, release: Release, slot: Slot, fence: int) -> None:
        """What already runs is not restarted; a stop that waits is called off."""
        self._expect(fence)
        run = self.slots.get(slot)
        if run and run.wanted and run.release.id == release.id:
            run.stop_at = None
            return
        if run and run.wanted:
            raise FailedError(f"{slot} of {self.name} runs {run.release.id}", code="slot-taken")
        if release.id not in self.placed:
            raise FailedError(f"{release.id} was never placed on {self.name}", code="not-placed")
        self.watcher.changing(self)
        self.slots[slot] = FakeRun(self.placed[release.id], self.clock())
        self.watcher.started(self, slot, self.slots[slot])

    def stop(self, release: str, slot: Slot, fence: int, after: float) -> None:
        """It stops `after` seconds from now, if the slot still holds `release` then and nobody started it again."""
        self._expect(fence)
        run = self.slots.get(slot)
        if run and run.wanted and run.release.id == release:
            run.stop_at = self.clock() + after
            self.watcher.stopping(self, slot, run)
            self.supervise()

    def collect(self, current: str, keep: Sequence[str] | None, fence: int) -> Sequence[str]:
        """What is neither current, kept nor in a slot is removed; nothing where `keep` is None."""
        self._expect(fence)
        self.current = current if current in self.placed else self.current
        needed = {current, *(self.placed if keep is None else keep), *(run.release.id for run in self.slots.values())}
        removed = sorted(self.placed.keys() - needed)
        for release in removed:
            del self.placed[release]
        self.watcher.collected(self, removed)
        return removed

    def supervise(self) -> None:
        """One turn of the supervisors: stop what is due."""
        for slot, run in self.slots.items():
            if run.wanted and run.stop_at is not None and self.clock() >= run.stop_at:
                self.watcher.changing(self)
                run.wanted = False
                self.watcher.stopped(self, slot, run)

    def inspect(self) -> dict[Slot, FakeRun | None]:
        return {slot: self.slots.get(slot) for slot in SLOTS}

    def running(self, release: str, at: float) -> bool:
        for run in self.slots.values():  # noqa: SIM110 - simulations ask this all the time, and a generator costs twice as much
            if run.wanted and at >= run.down_until and run.release.id == release:
                return True
        return False

    def _expect(self, fence: int) -> None:
        if fence < self.fence:
            raise FencedError(f"fence {fence} is over on {self.name}: it is at {self.fence}", code="fenced")
        self.fence = fence


@dataclass(frozen=True, slots=True)
class FakeTarget:
    """The port Target over all of its hosts: each is told, and the worst answer is the answer."""

    hosts: Mapping[str, FakeHost]
    lines: Mapping[str, Line] = field(default_factory=dict)
    allowed: Allowed = Allowed()

    def names(self) -> tuple[str, ...]:
        return tuple(self.hosts)

    def only(self, hosts: Collection[str]) -> "FakeTarget":
        """The same target, cut down to some of its hosts."""
        return replace(self, hosts={name: host for name, host in self.hosts.items() if name in hosts})

    def inspect(self, *, within: float) -> tuple[SlotState, ...]:
        """Raises where no host answers."""
        found, problems = self._told("inspect", {name: host.inspect for name, host in self.hosts.items()}, within)
        if problems and not found:
            raise min(problems.values(), key=_severity)
        silent = {n: "unreachable" if isinstance(one, UnreachableError) else str(one) for n, one in problems.items()}
        return tuple(self._slot(slot, found, silent) for slot in SLOTS)

    def place(self, release: Release, *, fence: int, within: float) -> tuple[Missing, ...]:
        acts = {n: partial(host.place, release, fence) for n, host in self.hosts.items()}
        return self._most("place", acts, within, self.allowed)

    def start(
        self,
        release: Release,
        slot: Slot,
        *,
        fence: int,
        within: float,
        without: Collection[str] = (),
        lenient: bool = False,
    ) -> tuple[Missing, ...]:
        hosts = {name: host for name, host in self.hosts.items() if name not in without}
        acts = {name: partial(host.start, release, slot, fence) for name, host in hosts.items()}
        return self._most("start", acts, within, Allowed(len(acts), len(acts)) if lenient else self.allowed)

    def put_back(
        self, release: str, slot: Slot, missing: Sequence[Missing], *, fence: int, within: float
    ) -> tuple[Missing, ...]:
        chosen = {one.host: self.hosts[one.host] for one in missing}
        acts = {name: partial(host.stop, release, slot, fence, 0.0) for name, host in chosen.items()}
        _, problems = self._told("stop", acts, within)
        for problem in problems.values():
            if isinstance(problem, FencedError):
                raise problem
        return tuple(
            replace(one, how="unreachable", why=f"{one.why}; {problems[one.host]}")
            if isinstance(problems.get(one.host), UnreachableError)
            else replace(one, why=f"{one.why}; {problems.get(one.host, 'it printed nothing')}")
            for one in missing
        )

    def stop(self, release: str, slot: Slot, *, fence: int, after: float, within: float) -> None:
        acts = {n: partial(host.stop, release, slot, fence, after) for n, host in self.hosts.items()}
        self._each("stop", acts, within)

    def collect(self, current: str, keep: Sequence[str] | None, *, fence: int, within: float) -> Sequence[str]:
        acts = {n: partial(host.collect, current, keep, fence) for n, host in self.hosts.items()}
        return sorted({release for removed in self._each("collect", acts, within).values() for release in removed})

    def _slot(
        self, slot: Slot, found: Mapping[str, Mapping[Slot, FakeRun | None]], silent: Mapping[str, str]
    ) -> SlotState:
        runs = {name: slots[slot] for name, slots in found.items()}
        now = {name: host.clock() for name, host in self.hosts.items()}
        said = {name: "running" if run and run.alive(now[name]) else "stopped" for name, run in runs.items()}
        release = next((run.release.id for run in runs.values() if run), None)
        stops = {name: run.stop_at for name, run in runs.items() if run and run.wanted}
        ending = {name: at - now[name] for name, at in stops.items() if at is not None}
        busy = tuple(sorted({run.release.id for run in runs.values() if run and run.wanted}))
        said |= silent
        return SlotState(slot, release, set(said.values()) == {"running"}, said, ending, busy)

    def _each(self, call: str, acts: Mapping[str, Callable[[], object]], within: float) -> dict[str, Any]:
        found, problems = self._told(call, acts, within)
        if problems:
            raise min(problems.values(), key=_severity)
        return found

    def _most(
        self, call: str, acts: Mapping[str, Callable[[], object]], within: float, allowed: Allowed
    ) -> tuple[Missing, ...]:
        """As many as the fleet allows may go without."""
        found, problems = self._told(call, acts, within)
        missing = tuple(
            Missing(name, "unreachable" if isinstance(problem, UnreachableError) else "failed", str(problem))
            for name, problem in problems.items()
        )
        grave = [problem for problem in problems.values() if isinstance(problem, FencedError | UnknownError)]
        if grave or (problems and (not found or beyond(missing, allowed))):
            raise min(grave or problems.values(), key=_severity)
        return missing

    def _told(
        self, call: str, acts: Mapping[str, Callable[[], object]], within: float
    ) -> tuple[dict[str, Any], dict[str, PortError]]:
        found: dict[str, Any] = {}
        problems: dict[str, PortError] = {}
        for name, act in acts.items():
            try:
                found[name] = self.lines.get(name, DIRECT).carry(call, act, within)
            except PortError as problem:
                problems[name] = problem
        return found, problems


@dataclass(frozen=True, slots=True)
class FakeProbe:
    """The port Probe: `answer(host, release)` says what the process says of itself, once it is asked and alive."""

    hosts: Mapping[str, FakeHost]
    answer: Callable[[FakeHost, Release], Reading]
    lines: Mapping[str, Line] = field(default_factory=dict)

    def read(self, release: Release, slot: Slot, *, within: float, without: Collection[str] = ()) -> Reading:
        worst, unwell = Reading(True, version=release.version), []
        for name, host in self.hosts.items():
            if name in without:
                continue
            try:
                reading = self.lines.get(name, DIRECT).carry("probe", partial(self.ask, host, release, slot), within)
            except (UnreachableError, UnknownError) as problem:
                reading = Reading(None, str(problem))
            if not reading.passed:
                unwell.append(Missing(name, "unknown" if reading.passed is None else "failed", reading.detail))
            if RANK[reading.passed] < RANK[worst.passed]:
                worst = reading
        return replace(worst, unwell=tuple(unwell)) if unwell else worst

    def ask(self, host: FakeHost, release: Release, slot: Slot) -> Reading:
        run = host.slots.get(slot)
        if run is None or run.release.id != release.id or not run.alive(host.clock()):
            return Reading(False, f"{host.name} refuses connections")
        return self.answer(host, release)


def healthy(host: FakeHost, release: Release) -> Reading:
    return Reading(True, version=release.version)


DIRECT = DirectLine()
RANK = {False: 0, None: 1, True: 2}
"""A failed answer is worse than none, and none worse than a pass."""


def _severity(problem: PortError) -> int:
    """Being fenced out says most; then what is not known; a refusal last, since it can be repeated."""
    kinds = (FencedError, UnknownError, UnreachableError)
    return next((rank for rank, kind in enumerate(kinds) if isinstance(problem, kind)), len(kinds))
