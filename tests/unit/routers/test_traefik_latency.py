from releaser.adapters.routers.traefik_metrics import Metrics
from releaser.core.latency import Latency
from releaser.core.values import Counts


def series(service: str, code: str, buckets: dict[str, int]) -> str:
    labels = f'code="{code}",method="GET",protocol="http",service="{service}"'
    lines = [
        f'traefik_service_request_duration_seconds_bucket{{{labels},le="{edge}"}} {number}'
        for edge, number in buckets.items()
    ]
    total = buckets["+Inf"]
    lines += [
        f"traefik_service_request_duration_seconds_count{{{labels}}} {total}",
        f"traefik_service_requests_total{{{labels}}} {total}",
    ]
    return "\n".join(lines) + "\n"


def test_the_series_of_a_service_are_added() -> None:
    text = series("green@file", "200", {"0.1": 3, "1.2": 4, "+Inf": 4})
    text += series("green@file", "502", {"0.1": 2, "1.2": 2, "+Inf": 3})
    text += series("blue@file", "200", {"0.1": 9, "1.2": 9, "+Inf": 1.2e6})  # type: ignore[dict-item]  # as large numbers are written
    metrics = Metrics(text)
    assert metrics.counts("green@file") == Counts(7, 3, 0, (("502", 3),), Latency((0.1, 1.2), (5, 6, 7)))
    assert metrics.counts("blue@file").completed == 1_200_000


def test_a_service_that_nobody_asked_yet_has_the_edges_of_the_other() -> None:
    metrics = Metrics(series("blue@file", "200", {"0.1": 3, "+Inf": 4}))
    assert metrics.counts("green@file") == Counts(0, 0, 0, (), Latency((0.1,), (0, 0)))


def test_without_any_request_the_edges_are_not_known() -> None:
    assert Metrics("# HELP go_goroutines\n").counts("green@file") == Counts()


def test_what_lasted_long_is_told_apart_since_it_may_be_older_than_the_split() -> None:
    metrics = Metrics(series("green@file", "200", {"0.1": 3, "5": 4, "20": 6, "+Inf": 7}))
    assert metrics.counts("green@file").long == 3
