"""What do the counters say beside what is judged? Why requests failed and how long they took, since the rollout began.

For people, and so with less care than the evidence: traffic in the moment of a shift counts too, and no verdict rests on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.core.latency import Latency
from releaser.core.values import Counts

__all__ = ["Shown"]

NOTHING = Counts()
MOST = 5
"""Causes that are told, the most frequent ones: a fleet has as many as it has hosts."""


@dataclass(slots=True)
class Shown:
    """One release on all routers of a rollout."""

    _last: dict[str, Counts] = field(default_factory=dict)
    _causes: dict[str, int] = field(default_factory=dict)
    _latency: Latency | None = None

    def read(self, router: str, counts: Counts, *, first: bool) -> None:
        """Take one router's cumulative counters. The first ones are the baseline, and so are those that fell."""
        last = self._last.get(router, NOTHING)
        self._last[router] = counts
        if first:
            return
        if counts.causes:
            self._add_causes(dict(last.causes), dict(counts.causes))
        if counts.latency is not None and last.latency is not None:
            self._add_latency(counts.latency.since(last.latency))

    def causes(self) -> tuple[tuple[str, int], ...]:
        """The most frequent ones, by name."""
        found = sorted(self._causes.items(), key=lambda cause: (-cause[1], cause[0]))
        return tuple(sorted(found[:MOST]))

    @property
    def latency(self) -> Latency | None:
        return self._latency

    def _add_causes(self, before: Mapping[str, int], now: Mapping[str, int]) -> None:
        if any(now.get(cause, 0) < number for cause, number in before.items()):
            return
        for cause, number in now.items():
            if number > before.get(cause, 0):
                self._causes[cause] = self._causes.get(cause, 0) + number - before.get(cause, 0)

    def _add_latency(self, added: Latency | None) -> None:
        if added is not None:
            self._latency = self._latency.plus(added) if self._latency else added
