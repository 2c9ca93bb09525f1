from itertools import product
from math import comb, exp, isfinite, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.analysis.errors_good import GoodErrors, least_favourable, step_tolerances


def chance(n: int, x: int, p: float) -> float:
    return comb(n, x) * p**x * (1 - p) ** (n - x)


def test_the_nearest_point_solves_its_equation() -> None:
    p = least_favourable(0.5, 0.5, 0.1)
    assert p == pytest.approx((0.4 + 0.26**0.5) / 2)
    for theta, q, eps in ((0.01, 0.002, 0.2), (0.5, 0.002, 0.005), (0.99, 0.3, 0.01), (0.25, 1e-10, 0.2)):
        p = least_favourable(theta, q, eps)
        assert 0 < p < q
        assert theta * q / (p + eps) + (1 - theta) * q / p == pytest.approx(1)


def test_one_block_by_hand() -> None:
    good = GoodErrors(0.1, 0.05, prior=(4.5, 49))
    good.block(10, 1, 10, 1)
    p = least_favourable(0.5, 0.1, 0.1)  # (4.5 + .5) / 50
    by_hand = log(0.1 / (p + 0.1)) + log(0.1 / p) - 10 * (0.1 - p - 0.1) - 10 * (0.1 - p)
    assert good.log_g == pytest.approx(by_hand)
    assert good.expected == pytest.approx(6 / 60)  # the block counts only for the next one


@pytest.mark.parametrize("sizes", [(1, 1), (2, 8), (5, 3), (4, 0)])
@pytest.mark.parametrize("eps", [0.005, 0.05, 0.2])
@pytest.mark.parametrize("p_s", [0.0, 0.001, 0.1, 0.6])
@pytest.mark.parametrize("prior", [(0, 0), (1, 1000), (900, 1000)])
def test_a_version_worse_by_the_tolerance_never_gains_on_average(
    sizes: tuple[int, int], eps: float, p_s: float, prior: tuple[int, int]
) -> None:
    n_c, n_s = sizes
    for p_c in (p_s + eps, min(1.0, p_s + 2 * eps)):
        total = 0.0
        for x_c, x_s in product(range(n_c + 1), range(n_s + 1)):
            good = GoodErrors(eps, 0.05, prior)
            good.block(n_c, x_c, n_s, x_s)
            total += chance(n_c, x_c, p_c) * chance(n_s, x_s, p_s) * exp(good.log_g)
        assert total <= 1 + 1e-12


def test_good_answers_pass_and_errors_of_the_candidate_take_the_pass_away() -> None:
    good = GoodErrors(0.005, 0.05, prior=(2, 1000))
    while not good.passed:
        good.block(100, 0, 100, 0)
    assert good.log_g >= log(20)
    good.block(100, 10, 100, 0)
    assert not good.passed


def test_no_request_to_the_candidate_is_no_evidence_for_it() -> None:
    good = GoodErrors(0.005, 0.05)
    good.block(0, 0, 10**9, 0)
    assert good.log_g == 0.0
    assert 0 < good.expected < 1e-8


def test_tolerances_are_wider_where_less_traffic_flows_and_end_at_what_was_asked_for() -> None:
    assert step_tolerances((1, 5, 25, 50, 100), 0.005) == pytest.approx((0.2, 0.05, 0.01, 0.005, 0.0025))
    assert step_tolerances((100,), 0.005) == (0.005,)


@pytest.mark.parametrize(("eps", "beta"), [(0, 0.05), (0.1, 0), (0.1, 1)])
def test_a_tolerance_without_meaning_is_refused(eps: float, beta: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        GoodErrors(eps, beta)


blocks = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1)).map(
    lambda b: (b[0], int(b[0] * b[2]), b[1], int(b[1] * b[3]))
)


@given(st.lists(blocks, max_size=30), st.sampled_from([1e-6, 0.005, 0.2]))
@settings(max_examples=100, deadline=None)
def test_any_traffic_gives_a_number(traffic: list[tuple[int, int, int, int]], eps: float) -> None:
    good = GoodErrors(eps, 0.05)
    for block in traffic:
        good.block(*block)
        assert isfinite(good.log_g)
