"""May histograms be added, subtracted and asked as people expect?"""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.latency import EDGES, Latency, edge_above

buckets = st.dictionaries(st.sampled_from([*EDGES, inf]), st.integers(0, 1000))


def test_the_edges_are_whole_milliseconds_of_two_digits() -> None:
    assert list(EDGES) == sorted(set(EDGES))
    assert (EDGES[0], EDGES[-1], len(EDGES)) == (0.001, 150.0, 60)
    for edge in EDGES:
        assert edge == round(1000 * edge) / 1000
        assert float(f"{edge:.2g}") == edge


@pytest.mark.parametrize(
    ("seconds", "edge"), [(0.0, 0.001), (0.001, 0.002), (0.0119, 0.012), (0.012, 0.015), (149.9, 150.0), (150.0, inf)]
)
def test_a_time_was_cut_to_milliseconds_so_it_lies_below_the_edge_above(seconds: float, edge: float) -> None:
    assert edge_above(seconds) == edge


def test_counts_are_cumulative_and_the_last_is_of_all() -> None:
    latency = Latency.of({0.001: 3, 0.1: 2, inf: 1})
    assert (latency.counts[0], latency.counts[EDGES.index(0.1)], latency.counts[-2], latency.total) == (3, 5, 5, 6)


def test_how_many_took_longer_is_told_by_the_last_edge_below() -> None:
    timed = Latency((0.1, 1.2, 5.0, 20.0), (10, 20, 25, 26, 30))
    assert [timed.beyond(seconds) for seconds in (0.05, 0.1, 1.0, 5.0, 10.0, 20.0)] == [0, 20, 0, 5, 5, 4]


def test_quantiles_are_straight_lines_between_the_edges() -> None:
    latency = Latency((1.0, 2.0, 4.0), (10, 20, 40, 40))
    assert [latency.quantile(share) for share in (0.125, 0.25, 0.375, 0.75, 1.0)] == [0.5, 1.0, 1.5, 3.0, 4.0]
    assert Latency((1.0,), (0, 5)).quantile(0.5) == inf
    with pytest.raises(ValueError, match="no request was timed"):
        Latency().quantile(0.5)


@given(buckets, st.floats(0.01, 1.0))
def test_a_quantile_lies_in_its_bucket(times: dict[float, int], share: float) -> None:
    latency = Latency.of(times)
    if latency.total:
        found = latency.quantile(share)
        assert (
            sum(number for edge, number in times.items() if edge <= edge_above(found)) >= share * latency.total - 1e-6
        )


@given(buckets, buckets, st.integers(0, 5), st.integers(0, 5))
def test_what_was_added_is_what_is_left(first: dict[float, int], more: dict[float, int], lost: int, newly: int) -> None:
    before, added = Latency.of(first, lost), Latency.of(more, newly)
    assert before.plus(added).since(before) == added


def test_counters_that_fell_or_have_other_edges_are_not_the_same_any_more() -> None:
    latency = Latency.of({0.1: 5})
    assert Latency.of({0.1: 4}).since(latency) is None
    assert Latency.of({0.2: 9}).since(latency) is None
    assert Latency((0.1,), (5, 5)).since(latency) is None
    assert Latency.of({0.1: 6}).since(Latency.of({0.1: 5}, missing=7)) == Latency.of({0.1: 1})


def test_two_routers_with_other_edges_are_added_over_those_that_both_have() -> None:
    coarse, fine = Latency((0.1, 1.0), (1, 3, 4)), Latency((0.1, 0.5, 1.0), (10, 20, 30, 30))
    assert coarse.plus(fine) == Latency((0.1, 1.0), (11, 33, 34)) == fine.plus(coarse)
    assert Latency((0.3,), (1, 2)).plus(coarse) == Latency((), (6,))


@pytest.mark.parametrize(
    ("edges", "counts", "missing"),
    [((1.0,), (1,), 0), ((1.0, 1.0), (1, 1, 1), 0), ((1.0,), (2, 1), 0), ((1.0,), (-1, 1), 0), ((), (0,), -1)],
)
def test_what_is_no_histogram_cannot_be_built(edges: tuple[float, ...], counts: tuple[int, ...], missing: int) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Latency(edges, counts, missing)
