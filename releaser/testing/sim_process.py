"""What is an orchestrator in the simulated world? The real loop on a machine whose clock, mailbox, threads and death are ours.

`Process` is the loop's Clock, Mailbox and Executor at once, and the Notifier that sees each entry. Where a production loop
would sleep, `turn` returns and is called again when something arrives or is due: several processes share one timeline.
"""

import math
import queue
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

from releaser.core.commands import QUESTIONS
from releaser.core.events import Entry
from releaser.core.rollout import Rollout
from releaser.core.values import Moment
from releaser.engine.loop import Loop
from releaser.engine.recorder import Recorder
from releaser.engine.threads import POOL
from releaser.errors import JournalUnavailableError
from releaser.testing.fakes import FakeSpool
from releaser.testing.sim_journal import SimJournal
from releaser.testing.sim_network import Network
from releaser.testing.sim_pool import Pool
from releaser.testing.sim_time import GRID, Timeline
from releaser.testing.sim_work import Crash, Work

__all__ = ["Process", "ProcessWatcher"]

TICK = 1e-6
MOST_WRITES = 300
"""Appends in one turn, beyond which it will never end."""


class ProcessWatcher(Protocol):
    """Told what a process does, before or after it is done."""

    def renews(self, process: "Process") -> None: ...

    def waits(self, work: Work) -> None:
        """No thread is free for it."""

    def spins(self, process: "Process") -> None: ...

    def calls(self, process: "Process", call: str, host: str, work: Work) -> None: ...

    def wrote(self, process: "Process", entry: Entry, rollout: Rollout) -> None: ...

    def died(self, process: "Process") -> None: ...

    def ended(self, process: "Process", rollout: Rollout) -> None: ...

    def troubled(self, process: "Process", trouble: str) -> None: ...


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
        *,
        pool: int = POOL,
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
        self.pool = Pool(pool, timeline, self._run)
        self.dead = False
        self.ghosts = False
        """Dead, but what its threads had sent to hosts still arrives there."""
        self.held_up = 0.0
        """Until when it does nothing: stopped by a signal, or waiting for its disk."""
        self.hung = 0.0
        """Until when the loop's thread hangs, and only that one."""
        self.writes = 0
        self.next_turn = math.inf
        self.loop = Loop(Recorder(self, self.spool, (self,)), self, self, self)

    # its clock

    def now(self) -> float:
        return self.timeline.now + self.offset + self.work.elapsed

    def moment(self) -> Moment:
        now = self.timeline.now
        return Moment(now + self.offset + self.work.elapsed, self.boot, self.wall + now)

    # its journal

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None:
        self.writes += 1
        if self.writes > MOST_WRITES:
            self.watcher.spins(self)
        trouble = self.trouble("write")
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
            self.timeline.after(work.elapsed + work.delay, self._arrive, message)

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
        doing = Work.of(work)
        asks = isinstance(doing.command, QUESTIONS)
        begin = 0.0 if asks or self.chance.random() < 0.9 else GRID * self.chance.randrange(16)
        if urgent:
            self.timeline.after(begin, self._run, work, doing, urgent)
        elif not self.pool.submit(work, doing, begin):
            self.watcher.waits(doing)

    def every(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        going = [True]
        self.timeline.after(seconds, self._again, seconds, work, going)
        return going.clear

    def _again(self, seconds: float, work: Callable[[], None], going: list[bool]) -> None:
        if self.dead or not going:
            return
        if self.timeline.now < self.held_up:
            self.timeline.at(self.held_up, self._again, seconds, work, going)
            return
        self._do(work, Work())
        self.timeline.after(seconds, self._again, seconds, work, going)

    def _run(self, work: Callable[[], None], doing: Work, urgent: bool) -> None:
        if self.dead:
            if not self.ghosts:
                return
        elif self.timeline.now < self.held_up:
            self.timeline.at(self.held_up, self._run, work, doing, urgent)
            return
        self._do(work, doing)
        if not urgent:
            self.pool.free_after(doing.elapsed + doing.delay)

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
        if now != self.next_turn or self.dead:
            return
        self.next_turn = math.inf
        if now < self.held_up or now < self.hung:
            self._turn_at(max(self.held_up, self.hung))
            return
        self.writes = 0
        loop, doing = self.loop, Work()
        self._do(loop.turn, doing)
        if doing.elapsed:
            self.held_up = max(self.held_up, now + doing.elapsed)
        if loop.finished:
            self._tell_ended()
        if loop.driven and not self.dead:
            # Clocks have different origins: less than this is rounding, and time must not stand still for it.
            self._turn_at(now + doing.elapsed + max(loop.patience(self.now()), TICK))

    def _tell_ended(self) -> None:
        for rollout in list(self.loop.finished.values()):
            del self.loop.finished[rollout.id]
            self.watcher.ended(self, rollout)
