"""What do the counted lines of a router's log say of one slot or server? Lines as releaser.onhost.tally leaves them. (pure)"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.core.latency import EDGES, Latency

__all__ = ["MILLISECONDS", "Requests", "requests_of"]

MILLISECONDS = tuple(round(1000 * edge) for edge in EDGES)
"""The same edges for a log that tells milliseconds."""


@dataclass(slots=True)
class Requests:
    """How many requests ended how; `times` by the edge above, in seconds; `failures` by "STATUS ADDRESS"."""

    statuses: dict[str, int] = field(default_factory=dict)
    times: dict[float, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def completed(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        return sum(number for status, number in self.statuses.items() if status >= "500")

    def causes(self) -> tuple[tuple[str, int], ...]:
        """By status, and by address where the log tells it."""
        causes = dict(self.failures)
        for status, number in self.statuses.items():
            placed = sum(some for cause, some in self.failures.items() if cause.startswith(f"{status} "))
            if status >= "500" and number > placed:
                causes[status] = number - placed
        return tuple(sorted(causes.items()))

    def latency(self, lost: int = 0) -> Latency | None:
        """None: the log tells no times. A request without one is missing."""
        if self.statuses and not self.times:
            return None
        return Latency.of(self.times, lost + self.completed - sum(self.times.values()))


def requests_of(lines: Mapping[str, int], name: str, *, unit: int = 1) -> Requests:
    """Of the lines that begin with `name`; their edges are in seconds, or in 1/`unit` of one."""
    found = Requests()
    for line, number in lines.items():
        first, _, rest = line.partition(" ")
        status, _, told = rest.partition(" ")
        if first != name:
            continue
        if told.startswith("@"):
            cause = f"{status} {told[1:]}"
            found.failures[cause] = found.failures.get(cause, 0) + number
            continue
        found.statuses[status] = found.statuses.get(status, 0) + number
        edge = _number(told)
        if edge is not None:
            found.times[edge / unit] = found.times.get(edge / unit, 0) + number
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
