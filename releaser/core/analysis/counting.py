"""Which requests may be compared? From a router's cumulative counters to blocks of (requests, errors) of both versions.

A candidate that hangs completes nothing, so its requests that have been active for longer than the time-out count as errors; by
counters alone these are the ones begun a time-out ago or earlier, less all that are completed. Where stable has such requests too
(long polls, web sockets, a database that both wait for) they say nothing of the candidate, and are not counted in that step.
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


class Block(NamedTuple):
    """Requests and errors of both versions in the same interval on the same routers: 0 <= x <= n."""

    n_c: int = 0
    x_c: int = 0
    n_s: int = 0
    x_s: int = 0

    def plus(self, n_c: int, x_c: int, n_s: int, x_s: int) -> "Block":
        return Block(self.n_c + n_c, self.x_c + x_c, self.n_s + n_s, self.x_s + x_s)


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

    def fell(self, counts: Counts) -> bool:
        """Whether the counters went down: the router or its counters started anew."""
        return counts.completed < self._last.completed or counts.failed < self._last.failed

    def read(self, counts: Counts, at: float) -> int:
        """Take the cumulative counters of second `at`, not lower than the last ones; the answer is how many requests are overdue."""
        self._last = counts
        self.begun = max(self.begun, counts.completed + counts.active)
        return max(0, self._begun_by(at - self.timeout, at) - counts.completed)

    def count(self, overdue: int) -> None:
        """Count what was read last, with so many overdue requests as errors; a late good answer to one never lowers the counts."""
        n = self._last.completed + overdue
        if n > self.n:
            # An error whose request is not counted yet (the two counters are not read in one instant) waits for it.
            self.x = max(self.x, min(self._last.failed + overdue, self.x + n - self.n))
            self.n = n

    def _begun_by(self, then: float, now: float) -> int:
        """Requests begun by the last reading at or before `then`; forgets the readings before that one, and adds this one."""
        history = self._history
        history.append((now, self.begun))
        while len(history) > 1 and history[1][0] <= then:
            history.popleft()
        return history[0][1] if history[0][0] <= then else 0


class RouterTally:
    """Both releases on one router, as differences between two readings of the same split."""

    __slots__ = ("_baseline", "_pair", "_slow", "_tallies", "_timeout")

    def __init__(self, candidate: str, stable: str, timeout: float) -> None:
        self._pair = (candidate, stable)
        self._timeout = timeout
        self._tallies = (ReleaseTally(timeout), ReleaseTally(timeout))
        self._baseline: Block | None = None
        self._slow = False  # in this step stable had overdue requests too

    @property
    def begun(self) -> int:
        """Requests sent to the candidate, in this router's own count."""
        return self._tallies[0].begun

    @property
    def total(self) -> Block:
        """Everything since the counters started."""
        candidate, stable = self._tallies
        return Block(candidate.n, candidate.x, stable.n, stable.x)

    def renew(self) -> None:
        """The split changed: the next reading is only the baseline of those after it."""
        self._baseline = None
        self._slow = False

    def read(self, counts: Mapping[str, Counts], at: float) -> Block | None:
        """The traffic since the last reading; None where there is nothing to compare with (a baseline, or counters that fell)."""
        candidate, stable = (counts.get(release, NONE) for release in self._pair)
        if self._tallies[0].fell(candidate) or self._tallies[1].fell(stable):
            self._tallies = (ReleaseTally(self._timeout), ReleaseTally(self._timeout))
            self._baseline = None
        overdue, usual = self._tallies[0].read(candidate, at), self._tallies[1].read(stable, at)
        self._slow = self._slow or usual > 0
        self._tallies[0].count(0 if self._slow else overdue)
        self._tallies[1].count(0)
        before, total = self._baseline, self.total
        self._baseline = total
        return None if before is None else total.plus(-before.n_c, -before.x_c, -before.n_s, -before.x_s)


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
