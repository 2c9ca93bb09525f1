"""What became of the requests of a load, and whose failures were they? Each request, and the counts and latencies of many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["UNFINISHED", "Sent", "summary"]

FAILED_BY_US = (502, 503, 504)
UNFINISHED = "unfinished"
"""The client stopped before the answer came: nobody's fault."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. `at`: seconds since the load began; `status` None where no answer came, and then `error` says why."""

    id: str
    at: float
    latency: float
    status: int | None = None
    version: str = ""
    error: str = ""
    generation: str = ""
    """The router's x-releaser-generation: which write of the split it went by."""

    @property
    def failed(self) -> bool:
        """No answer, or 5xx."""
        return self.error != UNFINISHED and (self.status is None or self.status >= 500)

    @property
    def failed_by_us(self) -> bool:
        return self.error != UNFINISHED and (self.status is None or self.status in FAILED_BY_US)


def summary(requests: Sequence[Sent]) -> dict[str, Any]:
    """Counts over all and by version ("" where no version answered); latencies in seconds."""
    latencies = sorted(sent.latency for sent in requests if sent.status is not None)

    def counts(of: Sequence[Sent]) -> dict[str, int]:
        return {
            "requests": len(of),
            "failed": sum(sent.failed for sent in of),
            "failed_by_us": sum(sent.failed_by_us for sent in of),
        }

    return {
        **counts(requests),
        "unfinished": sum(sent.error == UNFINISHED for sent in requests),
        "versions": {
            version: counts([sent for sent in requests if sent.version == version])
            for version in sorted({sent.version for sent in requests})
        },
        "statuses": dict(sorted(Counter(str(sent.status or sent.error) for sent in requests).items())),
        "latency": {name: _quantile(latencies, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 6) if ordered else None
