"""What has a router sent to the candidate in this step, of how many requests, and is that the share that it was told?"""

from releaser.core.events import Share
from releaser.core.record import record
from releaser.core.share import agreement, allowed, interval
from releaser.core.values import Agreement

__all__ = ["Observed", "Requests"]


@record
class Requests:
    """How many were sent to the candidate, of how many in all."""

    candidate: int = 0
    total: int = 0

    def plus(self, candidate: int, stable: int) -> "Requests":
        return Requests(self.candidate + candidate, self.total + candidate + stable)


class Observed:
    """One router in one step, told `weight` percent, from cumulative counts of requests that were dealt out.

    Once it is settled the next requests are asked anew. A rule that somebody takes away is forgotten as soon as as many requests as
    showed it went as they were told, however many it had moved before.
    """

    __slots__ = ("_agreement", "_asked", "_last", "_router", "_step", "_weight", "astray")

    def __init__(self, router: str, weight: int, *, sticky: bool) -> None:
        self._router = router
        self._weight = weight
        self._agreement = Agreement.NOT_ASKED if sticky else Agreement.OPEN
        self._last: tuple[int, int] | None = None
        self._step = self._asked = Requests()
        self.astray: Requests | None = None
        """What showed that it does otherwise, until later requests show that it does as it was told."""

    def count(self, candidate: int, stable: int) -> None:
        """Take what was dealt out so far. Counts that fell began anew: these are where the next ones start."""
        last, self._last = self._last, (candidate, stable)
        if last is None or candidate < last[0] or stable < last[1]:
            return
        added = candidate - last[0], stable - last[1]
        self._step, self._asked = self._step.plus(*added), self._asked.plus(*added)
        if self._agreement is Agreement.NOT_ASKED:
            return
        found = agreement(self._asked.candidate, self._asked.total, self._weight)
        if found is not Agreement.OPEN or self._forgets():
            self.astray = self._asked if found is Agreement.DISAGREES else None
            self._agreement, self._asked = found, Requests()

    def _forgets(self) -> bool:
        low, high = allowed(self._weight)
        asked, before = self._asked, self.astray
        return before is not None and asked.total >= before.total and low <= asked.candidate / asked.total <= high

    def share(self) -> Share | None:
        """For people and machines; None: there was no request in this step."""
        if not self._step.total:
            return None
        shown = self._shown()
        low, high = interval(shown.candidate, shown.total)
        return Share(self._router, self._weight, shown.candidate, shown.total, low, high, self._agreement)

    def _shown(self) -> Requests:
        """All of the step, unless only a part of it shows that the router strays."""
        step = self._step
        if self.astray is None or agreement(step.candidate, step.total, self._weight) is Agreement.DISAGREES:
            return step
        return self.astray
