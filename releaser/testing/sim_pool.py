"""Which thread of a simulated process does this work, and when is one free? So many at a time; the rest wait in line."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from releaser.testing.sim_time import Timeline
from releaser.testing.sim_work import Work

__all__ = ["Pool"]


class Run(Protocol):
    """Does the work, and says with `Pool.free_after` how long that takes. `urgent` False: on a thread of the pool."""

    def __call__(self, work: Callable[[], None], doing: Work, urgent: bool, /) -> None: ...


class Pool:
    """The threads for the way forward. The way back has threads of its own."""

    def __init__(self, size: int, timeline: Timeline, run: Run) -> None:
        self.size = size
        self.timeline = timeline
        self.run = run
        self.busy = 0
        """Threads that were at work when somebody last looked."""
        self.ends: list[float] = []
        """When those of them that have begun will be free."""
        self.waiting: deque[tuple[Callable[[], None], Work]] = deque()

    def submit(self, work: Callable[[], None], doing: Work, begin: float) -> bool:
        """Done after `begin` seconds; False: no thread is free, so it waits for one."""
        if self.busy < self.size or self._at_work() < self.size:
            self.busy += 1
            self.timeline.after(begin, self.run, work, doing, False)
            return True
        self.waiting.append((work, doing))
        self._wait()
        return False

    def free_after(self, seconds: float) -> None:
        """One thread of those at work is, that late."""
        heappush(self.ends, self.timeline.now + seconds)
        self._wait()

    def _at_work(self) -> int:
        while self.ends and self.ends[0] <= self.timeline.now:
            heappop(self.ends)
            self.busy -= 1
        return self.busy

    def _wait(self) -> None:
        if self.waiting and self.ends:
            self.timeline.at(self.ends[0], self._next)

    def _next(self) -> None:
        while self.waiting and self._at_work() < self.size:
            self.busy += 1
            self.timeline.after(0.0, self.run, *self.waiting.popleft(), False)
        self._wait()
