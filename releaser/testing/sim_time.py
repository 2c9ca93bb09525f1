"""What happens when, in virtual time? One event after the other, in an order that a seed decides alone."""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

__all__ = ["GRID", "Timeline", "on_grid"]

GRID = 1 / 16
"""Seconds: latencies are multiples of this, so that answers that belong together arrive together, as bursts do."""


DENSE = 3000
"""More events than this in a second of one release are no work any more."""


class Timeline:
    """A heap of things to come. `now` are seconds of the simulated world, which nobody in it can read."""

    __slots__ = ("_heap", "_numbers", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._numbers = 0

    def at(self, when: float, act: Callable[..., Any], *arguments: Any) -> None:
        self._numbers = number = self._numbers + 1
        heappush(self._heap, (max(self.now, when), number, act, arguments))

    def after(self, seconds: float, act: Callable[..., Any], *arguments: Any) -> None:
        self._numbers = number = self._numbers + 1
        heappush(self._heap, (self.now + seconds, number, act, arguments))

    def run(self, until: float, most: int = 100_000, dense: int = DENSE) -> bool:
        """Everything up to `until`, or until nothing is left to come. False: it does not end.

        That is after `most` events, or `dense` of them within one second.
        """
        heap, second, left = self._heap, self.now, dense
        for _ in range(most):
            if not heap or heap[0][0] > until:
                return True
            self.now, _, act, arguments = heappop(heap)
            if self.now > second:
                second, left = self.now + 1.0, dense
            left -= 1
            if left < 0:
                return False
            act(*arguments)
        return False


def on_grid(chance: Random, least: float, most: float) -> float:
    """A chance duration between `least` and `most` seconds, on the grid."""
    return round(chance.uniform(least, most) / GRID) * GRID
