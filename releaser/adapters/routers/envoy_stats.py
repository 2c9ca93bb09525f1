"""What do Envoy's statistics say of its clusters? From `/stats` as JSON, with the buckets of its histograms. (pure)"""

from collections.abc import Mapping, Sequence
from typing import Any

from releaser.core.latency import Latency, edge_above
from releaser.core.values import Counts
from releaser.errors import FailedError

__all__ = ["COUNTED", "counts_of"]

COMPLETED = ("upstream_rq_completed", "upstream_rq_5xx", "upstream_rq_active", "upstream_rq_pending_active")
TIMED_OUT = "upstream_rq_timeout"
CAUSES = {
    "econ": ("upstream_rq_pending_failure_eject",),
    "eresp": ("upstream_cx_destroy_remote_with_active_rq", "upstream_rq_rx_reset"),
    "timeout": (TIMED_OUT,),
}
"""No connection; a connection or a stream that ended before the answer; no answer in time. The rest is answered 5xx."""
TIMES = "upstream_rq_time"
"""Milliseconds; of answers only, so that what was refused is not in it, nor what timed out."""
COUNTED = (*COMPLETED, *(name for names in CAUSES.values() for name in names), TIMES)


def counts_of(document: Mapping[str, Any], cluster: str, timeout: float) -> Counts:
    """Envoy's own 502, 503 and 504 (dead port, reset, time-out) are in upstream_rq_completed and upstream_rq_5xx, but
    not in upstream_rq_total, which a dead port leaves at 0. A counter that is missing was never touched.

    A request that timed out took `timeout` seconds. Raises FailedError where the counters contradict each other.
    """
    stats: Sequence[Mapping[str, Any]] = document.get("stats", ())
    values = {item["name"]: int(item["value"]) for item in stats if "name" in item}
    completed, failed, active, pending = (values.get(f"cluster.{cluster}.{name}", 0) for name in COMPLETED)
    if failed > completed:
        raise FailedError(
            f"Envoy counts {failed} failed of {completed} completed requests for {cluster}", code="counts"
        )
    late = values.get(f"cluster.{cluster}.{TIMED_OUT}", 0)
    times = {edge_above(timeout): late} if late else {}
    for bucket in _buckets(stats, f"cluster.{cluster}.{TIMES}"):
        edge = edge_above(float(bucket["lower_bound"]) / 1000)
        times[edge] = times.get(edge, 0) + int(bucket["count"])
    return Counts(completed, failed, active + pending, _causes(values, cluster, failed), Latency.of(times))


def _causes(values: Mapping[str, int], cluster: str, failed: int) -> tuple[tuple[str, int], ...]:
    """Never more than the failures: a connection may break for a request that was answered already."""
    found = {}
    for cause, names in CAUSES.items():
        found[cause] = min(failed, sum(values.get(f"cluster.{cluster}.{name}", 0) for name in names))
        failed -= found[cause]
    found["5xx"] = failed
    return tuple(sorted((cause, number) for cause, number in found.items() if number))


def _buckets(stats: Sequence[Mapping[str, Any]], name: str) -> Sequence[Mapping[str, Any]]:
    """Since Envoy started, the empty ones left out. They are up to five seconds old: Envoy joins its threads' that often."""
    for item in stats:
        for histogram in item.get("histograms", {}).get("details", ()):
            if histogram["name"] == name:
                return list(histogram.get("totals", ()))
    return ()
