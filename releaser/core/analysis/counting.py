"""Which requests may be compared? From a router's cumulative counters to blocks of (requests, errors) of both versions.

A candidate that hangs completes nothing, so its requests that have been active for longer than the time-out count as errors; by
counters alone these are the ones begun a time-out ago or earlier, less all that are completed. One that has completed nothing at all
in a step is given less time: a part of the time-out, for two requests or more. Where stable has such requests too (long polls, web
sockets, a database that both wait for) they say nothing of the candidate, and are not counted in that step.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from releaser.core.values import Counts

__all__ = ["Block", "BlockBuilder", "ReleaseTally", "RouterTally"]

NONE = Counts()
"""A release that a router does not name has had no request there."""
ENOUGH = 2
"""Candidate requests that close a block."""
LONGEST = 30.0
"""Seconds after which one candidate request is enough to close it."""
HANGING = 0.4
"""Part of the time-out after which requests are overdue where none was completed: below the second between two readings."""


class Block(NamedTuple):
    """Requests and errors of both versions in the same interval on the same routers: 0 <= x <= n."""

    n_c: int = 0
    x_c: int = 0
    n_s: int = 0
    x_s: int = 0

    def plus(self, n_c: int, x_c: int, n_s: int, x_s: int) -> "Block":
        return Block(self.n_c + n_c, self.x_c + x_c, self.n_s + n_s, self.x_s + x_s)


class Overdue(NamedTuple):
    """Unfinished requests of one release: those older than the time-out, and those older than HANGING of it."""

    late: int
    hanging: int


@dataclass(slots=True)
class ReleaseTally:
    """One release on one router: `n` requests and `x` errors that never fall, x <= n, while its counters don't start anew."""

    timeout: float
    n: int = 0
    x: int = 0
    begun: int = 0
    """Requests that were sent to it, finished or not."""
    _last: Counts = field(default_factory=Counts)
    _history: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def dealt(self) -> int:
        return self.begun - self._last.long

    def fell(self, counts: Counts) -> bool:
        """Whether the counters went down: the router or its counters started anew."""
        return counts.completed < self._last.completed or counts.failed < self._last.failed

    def read(self, counts: Counts, at: float) -> "Overdue":
        """Take the cumulative counters of second `at`, not lower than the last ones."""
        self._last = counts
        self.begun = max(self.begun, counts.completed + counts.active)
        self._history.append((at, self.begun))
        by_then, hanging = self._begun_by(at - self.timeout), self._begun_by(at - HANGING * self.timeout)
        while len(self._history) > 1 and self._history[1][0] <= at - self.timeout:
            self._history.popleft()
        return Overdue(max(0, by_then - counts.completed), max(0, hanging - counts.completed))

    def count(self, overdue: int) -> None:
        """Count what was read last, with so many overdue requests as errors; a late good answer to one never lowers the counts."""
        n = self._last.completed + overdue
        if n > self.n:
            # An error whose request is not counted yet (the two counters are not read in one instant) waits for it.
            self.x = max(self.x, min(self._last.failed + overdue, self.x + n - self.n))
            self.n = n

    def _begun_by(self, then: float) -> int:
        """Requests begun by the last reading at or before `then`."""
        for at, begun in reversed(self._history):
            if at <= then:
                return begun
        return 0


class RouterTally:
    """Both releases on one router, as differences between two readings of the same split."""

    __slots__ = ("_baseline", "_completed", "_pair", "_slow", "_tallies", "_timeout")

    def __init__(self, candidate: str, stable: str, timeout: float) -> None:
        self._pair = (candidate, stable)
        self._timeout = timeout
        self._tallies = (ReleaseTally(timeout), ReleaseTally(timeout))
        self._baseline: Block | None = None
        self._completed = 0  # of the candidate, when this step's baseline was read
        self._slow = Overdue(0, 0)  # the most that stable had in this step

    @property
    def begun(self) -> int:
        """Requests sent to the candidate, in this router's own count."""
        return self._tallies[0].begun

    @property
    def dealt(self) -> tuple[int, int]:
        """Requests dealt out to the candidate and to stable, finished or not, without those that may be older than the split."""
        candidate, stable = self._tallies
        return candidate.dealt, stable.dealt

    @property
    def total(self) -> Block:
        """Everything since the counters started."""
        candidate, stable = self._tallies
        return Block(candidate.n, candidate.x, stable.n, stable.x)

    def renew(self) -> None:
        """The split changed: the next reading is only the baseline of those after it."""
        self._baseline = None
        self._slow = Overdue(0, 0)

    def read(self, counts: Mapping[str, Counts], at: float) -> Block | None:
        """The traffic since the last reading; None where there is nothing to compare with (a baseline, or counters that fell)."""
        candidate, stable = (counts.get(release, NONE) for release in self._pair)
        if self._tallies[0].fell(candidate) or self._tallies[1].fell(stable):
            self._tallies = (ReleaseTally(self._timeout), ReleaseTally(self._timeout))
            self._baseline = None
        if self._baseline is None:
            self._completed = candidate.completed
        overdue, usual = self._tallies[0].read(candidate, at), self._tallies[1].read(stable, at)
        self._slow = Overdue(max(self._slow.late, usual.late), max(self._slow.hanging, usual.hanging))
        self._tallies[0].count(self._counted(overdue, candidate.completed))
        self._tallies[1].count(0)
        before, total = self._baseline, self.total
        self._baseline = total
        return None if before is None else total.plus(-before.n_c, -before.x_c, -before.n_s, -before.x_s)

    def _counted(self, overdue: Overdue, completed: int) -> int:
        """The candidate's unfinished requests that count as errors: stable has none that are as old."""
        if completed == self._completed and overdue.hanging >= ENOUGH and not self._slow.hanging:
            return overdue.hanging
        return 0 if self._slow.late else overdue.late


class BlockBuilder:
    """Joins readings until a block may close. Only arrivals and time close it, never what was answered."""

    __slots__ = ("_opened", "_sum")

    def __init__(self) -> None:
        self.drop(0.0)

    def drop(self, at: float) -> None:
        """Forget what is open, and start at `at`."""
        self._sum = Block()
        self._opened = at

    def add(self, block: Block, at: float) -> Block | None:
        """The block that closes with this reading, if one does."""
        closed = self._sum = self._sum.plus(*block)
        if closed.n_c >= ENOUGH or (closed.n_c and at - self._opened >= LONGEST):
            self.drop(at)
            return closed
        return None
