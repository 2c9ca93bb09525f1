from typing import Any

import pytest

from releaser.adapters.routers.envoy_stats import counts_of
from releaser.core.latency import Latency
from releaser.errors import FailedError


def document(values: dict[str, int], *totals: tuple[float, float, int]) -> dict[str, Any]:
    buckets = [{"lower_bound": low, "width": width, "count": count} for low, width, count in totals]
    details = [
        {"name": "cluster.blue.upstream_rq_time", "totals": [{"lower_bound": 5, "width": 0.1, "count": 9}]},
        {"name": "cluster.green.upstream_rq_time", "totals": buckets, "intervals": []},
    ]
    stats: list[dict[str, Any]] = [{"name": f"cluster.green.{name}", "value": value} for name, value in values.items()]
    return {"stats": [*stats, {"histograms": {"supported_percentiles": [], "details": details}}]}


def test_envoys_buckets_are_ours_by_their_lower_bound() -> None:
    """They hold whole milliseconds, cut off: 1 is anything below 2."""
    found = counts_of(
        document({"upstream_rq_completed": 12}, (0, 0, 5), (1, 0.1, 1), (31, 1, 2), (33, 1, 4)), "green", 2.0
    )
    assert found.latency == Latency.of({0.001: 5, 0.002: 1, 0.033: 2, 0.039: 4})


def test_a_request_that_timed_out_took_the_time_out() -> None:
    """Envoy times answers only: what was refused or reset is not in its histogram."""
    values = {"upstream_rq_completed": 9, "upstream_rq_5xx": 8, "upstream_rq_timeout": 2}
    values |= {"upstream_rq_pending_failure_eject": 3, "upstream_cx_destroy_remote_with_active_rq": 1}
    found = counts_of(document(values, (10, 1, 3)), "green", 2.0)
    assert found.latency == Latency.of({0.012: 3, 2.2: 2})
    assert found.causes == (("5xx", 2), ("econ", 3), ("eresp", 1), ("timeout", 2))


def test_causes_are_never_more_than_the_failures() -> None:
    """A connection that ends after its last answer may be counted as broken."""
    values = {"upstream_rq_completed": 9, "upstream_rq_5xx": 4}
    values |= {"upstream_rq_pending_failure_eject": 3, "upstream_cx_destroy_remote_with_active_rq": 7}
    assert counts_of(document(values), "green", 2.0).causes == (("econ", 3), ("eresp", 1))


def test_a_cluster_that_nobody_asked_yet_has_an_empty_histogram() -> None:
    found = counts_of({"stats": []}, "green", 2.0)
    assert (found.completed, found.causes, found.latency) == (0, (), Latency())


def test_more_failures_than_requests_are_refused() -> None:
    with pytest.raises(FailedError, match="3 failed of 2 completed"):
        counts_of(document({"upstream_rq_completed": 2, "upstream_rq_5xx": 3}), "green", 2.0)
