"""What is an orchestrator in the simulated world? The real loop on a machine whose clock, mailbox, threads and death are ours.

`Process` is the loop's Clock, Mailbox and Executor at once, and the Notifier that sees each entry. Where a production loop
would sleep, `turn` returns and is called again when something arrives or is due: several processes share one timeline.
"""

import queue
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

from releaser.core.commands import QUESTIONS, Command
from releaser.core.events import Entry, Issued
from releaser.core.rollout import Rollout
from releaser.core.values import Moment
from releaser.engine.loop import Loop
from releaser.engine.recorder import Recorder
from releaser.engine.threads import POOL
from releaser.errors import JournalCorruptError, JournalUnavailableError, ReleaserError, UnknownError, UnreachableError
from releaser.testing.fakes import FakeSpool
from releaser.testing.sim_time import GRID, Timeline

__all__ = ["CHANGES", "Crash", "Network", "Process", "ProcessWatcher", "SimJournal", "Wire"]

T = TypeVar("T")
CHANGES = frozenset({"acquire", "place", "start", "stop", "rehearse", "arm", "shift", "settle"})
"""Calls that change a host; faults are counted by them."""
TICK = 1e-6
MOST_WRITES = 300
"""Appends in one turn, beyond which it will never end."""


class Crash(BaseException):
    """kill -9. Not an Exception, so that nothing in the engine can catch it."""


class ProcessWatcher(Protocol):
    """Told what a process does, before or after it is done."""

    def renews(self, process: "Process") -> None: ...

    def spins(self, process: "Process") -> None: ...

    def calls(self, process: "Process", call: str, host: str, work: "Work") -> None: ...

    def wrote(self, process: "Process", entry: Entry, rollout: Rollout) -> None: ...

    def died(self, process: "Process") -> None: ...

    def ended(self, process: "Process", rollout: Rollout) -> None: ...

    def troubled(self, process: "Process", trouble: str) -> None: ...


class Network:
    """Which hosts can be reached from where, and how slowly."""

    __slots__ = ("cut", "slow")

    def __init__(self) -> None:
        self.cut: dict[tuple[str, str], float] = {}
        """(machine or "", host) -> until when nothing gets through; "" is every machine."""
        self.slow: dict[str, tuple[float, float]] = {}
        """host -> (until when, seconds that a call takes more)."""

    def reaches(self, machine: str, host: str, now: float) -> bool:
        return not self.cut or max(self.cut.get((machine, host), 0.0), self.cut.get(("", host), 0.0)) <= now

    def delay(self, host: str, now: float) -> float:
        until, seconds = self.slow.get(host, (0.0, 0.0))
        return seconds if now < until else 0.0


class SimJournal:
    """A journal as light as a list, whose disk may be full (`full_until`), and which knows what was durable when."""

    __slots__ = ("full_until", "id", "intents", "length", "locked", "rollouts", "timeline")

    def __init__(self, name: str, timeline: Timeline) -> None:
        self.id = name
        self.timeline = timeline
        self.rollouts: dict[str, list[Entry]] = {}
        self.length = 0
        self.full_until = 0.0
        self.locked = False
        """Locked takes the writer's whole patience, full says so at once."""
        self.intents: set[tuple[str, Command, int]] = set()

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None:
        if self.timeline.now < self.full_until:
            raise JournalUnavailableError("the journal takes no events", code="journal-full")
        for entry in entries:
            kept = self.rollouts.setdefault(entry.rollout, [])
            if entry.seq != len(kept):
                raise JournalCorruptError(
                    f"{entry.rollout} has {len(kept)} entries, and number {entry.seq} is to follow"
                )
            kept.append(entry)
            self.length += 1
            if isinstance(entry.event, Issued):
                self.intents.add((entry.rollout, entry.event.command, entry.event.attempt))

    def read(self, rollout: str) -> Sequence[Entry]:
        return tuple(self.rollouts.get(rollout, ()))

    def head(self) -> tuple[str, int, str]:
        return self.id, self.length, ""

    def restore(self, entry: Entry) -> None:
        """What a dead process left in its spool, if nothing is missing before it."""
        if entry.seq == len(self.rollouts.get(entry.rollout, ())):
            self.append((entry,))


class Work:
    """What a thread of a process is doing: a command's attempt, or a renewal (command None)."""

    __slots__ = ("attempt", "calls", "command", "delay", "elapsed", "mute", "rollout")

    def __init__(self, work: Callable[[], None] | None = None) -> None:
        arguments: tuple[Any, ...] = getattr(work, "args", ())
        self.command: Command | None = arguments[0] if arguments else None
        self.attempt: int = arguments[1] if arguments else 0
        self.rollout: Rollout | None = arguments[2] if arguments else None
        self.calls = 0
        self.elapsed = GRID if work else 0.0
        self.delay = 0.0
        """Seconds that its answer is late."""
        self.mute = False
        """Its answer never comes."""


class Process:
    """One orchestrator. `troubles` maps ("write" or "effect", how-manieth) to what goes wrong there."""

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        chance: Random,
        network: Network,
        journal: SimJournal,
        watcher: ProcessWatcher,
    ) -> None:
        self.name = name
        self.boot = f"boot-{name}"
        self.offset = 5000.0
        self.wall = 1_760_000_000.0
        self.timeline = timeline
        self.chance = chance
        self.network = network
        self.journal = journal
        self.watcher = watcher
        self.troubles: dict[tuple[str, int], str] = {}
        self.aside: Callable[[str], None] = lambda trouble: None
        """What somebody else does in the middle of a call of ours."""
        self.points = {"write": 0, "effect": 0}
        self.spool = FakeSpool()
        self.inbox: deque[Any] = deque()
        self.idle = Work()
        """What it does between two pieces of work."""
        self.work = self.idle
        self.busy = 0
        self.waiting: deque[Callable[[], None]] = deque()
        self.dead = False
        self.ghosts = False
        """Dead, but what its threads had sent to hosts still arrives there."""
        self.held_up = 0.0
        """Until when it does nothing: stopped by a signal, or waiting for its disk."""
        self.hung = 0.0
        """Until when the loop's thread hangs, and only that one."""
        self.writes = 0
        self.next_turn = float("inf")
        self.loop = Loop(Recorder(self, self.spool, (self,)), self, self, self)

    # its clock

    def now(self) -> float:
        return self.timeline.now + self.offset + self.work.elapsed

    def moment(self) -> Moment:
        return Moment(self.now(), self.boot, self.wall + self.timeline.now)

    # its journal

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None:
        self.writes += 1
        if self.writes > MOST_WRITES:
            self.watcher.spins(self)
        trouble = self._trouble("write")
        if trouble == "crash_before":
            raise Crash
        try:
            self.journal.append(entries)
        except JournalUnavailableError:
            if self.journal.locked:
                self.work.elapsed += patience or 0.0
            raise
        finally:
            if trouble == "crash_after":
                raise Crash

    def read(self, rollout: str) -> Sequence[Entry]:
        return self.journal.read(rollout)

    def head(self) -> tuple[str, int, str]:
        return self.journal.head()

    def tell(self, entry: Entry) -> None:
        driven = self.loop.driven.get(entry.rollout)
        if driven is not None:
            self.watcher.wrote(self, entry, driven.rollout)

    # its mailbox

    def put(self, message: Any) -> None:
        work = self.work
        if not work.mute:
            self.timeline.after(work.elapsed + work.delay, partial(self._arrive, message))

    def get(self, *, timeout: float) -> Any:
        if self.inbox:
            return self.inbox.popleft()
        raise queue.Empty

    def hear(self, message: Any) -> None:
        """Something from outside: a signal, a request on this machine."""
        self._arrive(message)

    def _arrive(self, message: Any) -> None:
        if not self.dead:
            self.inbox.append(message)
            self._turn_at(self.timeline.now)

    # its threads

    def submit(self, work: Callable[[], None], *, urgent: bool) -> None:
        begin = 0.0 if _command(work) in QUESTIONS or self.chance.random() < 0.9 else GRID * self.chance.randrange(16)
        if urgent:
            self.timeline.after(begin, partial(self._run, work, urgent))
        elif self.busy < POOL:
            self.busy += 1
            self.timeline.after(begin, partial(self._run, work, urgent))
        else:
            self.waiting.append(work)

    def every(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        going = [True]

        def again() -> None:
            if self.dead or not going[0]:
                return
            if self.timeline.now < self.held_up:
                self.timeline.at(self.held_up, again)
                return
            self._do(work, Work())
            self.timeline.after(seconds, again)

        self.timeline.after(seconds, again)
        return lambda: going.__setitem__(0, False)

    def _run(self, work: Callable[[], None], urgent: bool) -> None:
        if self.dead and not self.ghosts:
            return
        if not self.dead and self.timeline.now < self.held_up:
            self.timeline.at(self.held_up, partial(self._run, work, urgent))
            return
        doing = Work(work)
        self._do(work, doing)
        if not urgent:
            self.timeline.after(doing.elapsed + doing.delay, self._free)

    def _free(self) -> None:
        if self.waiting:
            self.timeline.after(0.0, partial(self._run, self.waiting.popleft(), False))
        else:
            self.busy -= 1

    def _do(self, act: Callable[[], None], doing: Work) -> None:
        self.work = doing
        try:
            act()
        except Crash:
            self.die()
        finally:
            self.idle.elapsed = 0.0
            self.work = self.idle

    # its life

    def begin(self, first: Callable[[], Any]) -> None:
        """Do the first thing, and then drive what it began."""
        self._do(first, Work())
        if not self.dead:
            self._turn_at(self.timeline.now)

    def die(self) -> None:
        if not self.dead:
            self.dead = True
            self.ghosts = self.chance.random() < 0.5
            self.watcher.died(self)

    def stop_for(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after `seconds`."""
        self.held_up = max(self.held_up, self.timeline.now + seconds)

    def trouble(self, kind: str) -> str | None:
        """What the script has in store for this write or effect."""
        return self._trouble(kind)

    def _trouble(self, kind: str) -> str | None:
        self.points[kind] += 1
        trouble = self.troubles.get((kind, self.points[kind])) if self.troubles else None
        if trouble is not None:
            self.watcher.troubled(self, trouble)
        return trouble

    def _turn_at(self, when: float) -> None:
        if when < self.next_turn:
            self.next_turn = when
            self.timeline.at(when, self._turn)

    def _turn(self) -> None:
        now = self.timeline.now
        if self.dead or now != self.next_turn:
            return
        self.next_turn = float("inf")
        if now < max(self.held_up, self.hung):
            self._turn_at(max(self.held_up, self.hung))
            return
        self.writes = 0
        doing = Work()
        self._do(self.loop.turn, doing)
        if doing.elapsed:
            self.held_up = max(self.held_up, now + doing.elapsed)
        for rollout in list(self.loop.finished.values()):
            del self.loop.finished[rollout.id]
            self.watcher.ended(self, rollout)
        if self.loop.driven and not self.dead:
            # Clocks have different origins: less than this is rounding, and time must not stand still for it.
            self._turn_at(now + doing.elapsed + max(self.loop.patience(), TICK))


def _command(work: Callable[[], None]) -> type | None:
    arguments: tuple[Any, ...] = getattr(work, "args", ())
    return type(arguments[0]) if arguments else None


class Wire:
    """The line from one process to one host."""

    __slots__ = ("host", "process")

    def __init__(self, process: Process, host: str) -> None:
        self.process = process
        self.host = host

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        process, host = self.process, self.host
        work, now = process.work, process.timeline.now
        trouble = None
        if call in CHANGES:
            process.watcher.calls(process, call, host, work)
            if not process.dead:
                trouble = process.trouble("effect")
        elif call == "renew":
            process.watcher.renews(process)
        work.calls += 1
        if not process.network.reaches(process.name, host, now):
            work.elapsed += min(within, 3.0)
            raise UnreachableError(f"{host} does not answer")
        slow = process.network.delay(host, now)
        if slow:
            work.elapsed += min(slow, within)
            if slow >= within:
                process.timeline.after(slow, partial(self._too_late, act))
                raise UnknownError(f"{host} did not answer within {within:g} s")
        return act() if trouble is None else self._troubled(trouble, act, within)

    def _troubled(self, trouble: str, act: Callable[[], T], within: float) -> T:
        process, work = self.process, self.process.work
        match trouble:
            case "crash_before":
                raise Crash
            case "crash_after":
                act()
                raise Crash
            case "lost_answer":
                act()
                work.elapsed += within
                raise UnknownError(f"{self.host} did not answer within {within:g} s")
            case "late_effect":
                work.elapsed += within
                process.timeline.after(within + GRID * process.chance.randrange(16 * 60), partial(self._too_late, act))
                raise UnknownError(f"{self.host} did not answer within {within:g} s")
            case "late_answer":
                work.delay = GRID * process.chance.randrange(16 * 60)
            case "no_answer":
                work.mute = True
            case "not_sent":
                raise UnreachableError(f"{self.host} refuses the connection")
            case "defect":
                raise ValueError("a defect in an adapter")
            case _:
                process.aside(trouble)
        return act()

    def _too_late(self, act: Callable[[], Any]) -> None:
        """What was sent is done after all, long after its caller gave up; nobody hears what the host answers."""
        with suppress(ReleaserError):
            act()
