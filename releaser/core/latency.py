"""How long did a release's requests take? Cumulative counts over fixed edges, so that they can be added and subtracted. (pure)

Counted as Prometheus counts its histograms (https://prometheus.io/docs/practices/histograms/): what is between two edges
is not known any more, and a quantile is a straight line between them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from typing import Self

__all__ = ["EDGES", "Latency", "edge_above"]

_SERIES = (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82)
"""Twelve steps a decade (the E12 series): two digits, so that they are also edges of Envoy's own buckets."""
EDGES: tuple[float, ...] = (
    *(number / 1000 for number in range(1, 10)),
    *(number * size / 1000 for size in (1, 10, 100, 1000) for number in _SERIES),
    100.0,
    120.0,
    150.0,
)
"""Seconds. Routers measure in whole milliseconds, so there is nothing to tell apart below the first of them."""


def edge_above(seconds: float) -> float:
    """The edge of the bucket that a time cut to whole milliseconds belongs to: it may have been a little longer."""
    index = bisect_right(EDGES, seconds)
    return EDGES[index] if index < len(EDGES) else inf


@dataclass(frozen=True, slots=True)
class Latency:
    """`counts[i]` requests took at most `edges[i]` seconds; the last count, one more than there are edges, is of all."""

    edges: tuple[float, ...] = EDGES
    counts: tuple[int, ...] = (0,) * (len(EDGES) + 1)
    missing: int = 0
    """Times that are known to be lost, or gaps of unknown size: with any of them the rest is only a part."""

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in pairwise(self.edges))
        growing = all(few <= more for few, more in pairwise((0, *self.counts)))
        if len(self.counts) != len(self.edges) + 1 or not rising or not growing or self.missing < 0:
            raise ValueError("not a histogram: rising edges, and cumulative counts, one more than edges")

    @classmethod
    def of(cls, times: Mapping[float, int], missing: int = 0) -> Self:
        """From {edge of EDGES, or infinity: requests in the bucket that ends there}."""
        return cls(EDGES, tuple(accumulate(times.get(edge, 0) for edge in (*EDGES, inf))), missing)

    @property
    def total(self) -> int:
        return self.counts[-1]

    def beyond(self, seconds: float) -> int:
        """How many took longer than the last edge up to `seconds`; 0 where that is below half of them, and so says too little."""
        index = bisect_right(self.edges, seconds)
        known = index > 0 and self.edges[index - 1] >= seconds / 2
        return self.total - self.counts[index - 1] if known else 0

    def since(self, before: "Latency") -> "Latency | None":
        """What was added; None where these are not the same counters any more: they fell, or have other edges."""
        if self.edges != before.edges:
            return None
        try:
            counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
            return Latency(self.edges, counts, max(0, self.missing - before.missing))
        except ValueError:
            return None

    def plus(self, other: "Latency") -> "Latency":
        """Both together, over the edges that both have: a coarser answer, and an exact one."""
        mine = dict(zip(self.edges, self.counts, strict=False))
        others = dict(zip(other.edges, other.counts, strict=False))
        edges = self.edges if self.edges == other.edges else tuple(edge for edge in self.edges if edge in others)
        counts = (*(mine[edge] + others[edge] for edge in edges), self.total + other.total)
        return Latency(edges, counts, self.missing + other.missing)

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of the requests ended. Infinity: beyond the last edge. Raises ValueError without requests."""
        if not self.total:
            raise ValueError("no request was timed")
        rank = share * self.total
        index = bisect_left(self.counts, rank)
        if index >= len(self.edges):
            return inf
        low, below = (self.edges[index - 1], self.counts[index - 1]) if index else (0.0, 0)
        return low + (self.edges[index] - low) * (rank - below) / max(1, self.counts[index] - below)
