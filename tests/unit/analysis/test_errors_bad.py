from itertools import product
from math import comb, exp, isfinite, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.analysis.errors_bad import PRIOR, RATIOS, BadErrors, nearest


def chance(n: int, x: int, p: float) -> float:
    return comb(n, x) * p**x * (1 - p) ** (n - x)


def expected_growth(rho0: float, sizes: tuple[int, int], rates: tuple[float, float], history: tuple[int, int]) -> float:
    """E[E after one block] / E before it, by going through every outcome."""
    (n_c, n_s), (p_c, p_s) = sizes, rates
    total = 0.0
    for x_c, x_s in product(range(n_c + 1), range(n_s + 1)):
        bad = BadErrors(rho0)
        bad._seen = history
        bad.block(n_c, x_c, n_s, x_s)
        total += chance(n_c, x_c, p_c) * chance(n_s, x_s, p_s) * exp(bad.log_e)
    return total


def test_one_error_in_equal_traffic_pays_each_bet_its_likelihood_ratio() -> None:
    bad = BadErrors(1.0)
    bad.block(1, 1, 1, 0)
    paid = sum(stake * 2 * ratio / (ratio + 1) for ratio, stake in zip(RATIOS, PRIOR, strict=True))
    assert exp(bad.log_e) == pytest.approx(0.7 * paid + 0.3 * (0.003 * paid + 0.997))


def test_two_blocks_follow_the_recursion_of_the_delayed_start() -> None:
    bad = BadErrors(1.1)
    now, waiting, left = list(PRIOR), [0.0] * 7, 1.0
    for n_c, x_c, n_s, x_s in ((10, 1, 90, 1), (10, 0, 90, 0), (20, 2, 80, 0)):
        bad.block(n_c, x_c, n_s, x_s)
        theta, start = n_c / (n_c + n_s), 0.003 * left
        left -= start
        for j, ratio in enumerate(RATIOS):
            paid = (ratio / 1.1) ** x_c * ((theta * ratio + 1 - theta) / (theta * 1.1 + 1 - theta)) ** -(x_c + x_s)
            now[j] *= paid
            waiting[j] = (waiting[j] + start * PRIOR[j]) * paid
    assert exp(bad.log_e) == pytest.approx(0.7 * sum(now) + 0.3 * (sum(waiting) + left))


@pytest.mark.parametrize("rho0", [1.0, 1.1, 1.25, 2.0])
@pytest.mark.parametrize("sizes", [(1, 1), (2, 6), (3, 2), (6, 1)])
@pytest.mark.parametrize("p_s", [0.001, 0.05, 0.3, 0.45])
@pytest.mark.parametrize("history", [(0, 0), (1000, 2), (1000, 300), (1000, 990)])
def test_a_version_at_the_allowed_rate_never_gains_on_average(
    rho0: float, sizes: tuple[int, int], p_s: float, history: tuple[int, int]
) -> None:
    assert expected_growth(rho0, sizes, (rho0 * p_s, p_s), history) <= 1 + 1e-12
    assert expected_growth(rho0, sizes, (0.5 * p_s, p_s), history) <= 1 + 1e-12


def test_a_worse_version_gains_on_average() -> None:
    assert expected_growth(1.1, (2, 6), (0.2, 0.02), (1000, 20)) > 1
    assert expected_growth(1.1, (2, 6), (0.9, 0.3), (1000, 300)) > 1


def test_more_errors_of_the_candidate_are_more_evidence_and_more_of_stable_less() -> None:
    def after(x_c: int, x_s: int) -> float:
        bad = BadErrors(1.1)
        bad.block(50, x_c, 950, x_s)
        return bad.log_e

    assert after(0, 2) < after(1, 2) < after(2, 2)
    assert after(2, 0) > after(2, 1) > after(2, 5)


def test_three_errors_of_three_requests_at_one_percent_are_enough() -> None:
    bad = BadErrors(1.1)
    bad.block(3, 3, 297, 1)
    assert bad.log_e > log(100)


def test_blocks_without_evidence_keep_e_and_still_pay_out_later_starts() -> None:
    early, late = BadErrors(1.1), BadErrors(1.1)
    for _ in range(300):
        late.block(2, 0, 198, 0)
    assert late.log_e == 0.0
    early.block(2, 0, 198, 1)
    late.block(2, 0, 198, 1)
    assert late.log_e < early.log_e  # more of the delayed stake had been started, and lost with this block


def test_a_regression_that_sets_in_after_an_hour_is_still_found() -> None:
    bad = BadErrors(1.1)
    for _ in range(3600):
        bad.block(100, 0, 100, 0)
        bad.block(100, 1, 100, 1)
    before = bad.log_e
    for _ in range(12):
        bad.block(100, 10, 100, 1)
    assert before < 0
    assert bad.log_e > log(100)


def test_frequent_errors_are_judged_by_the_good_answers_too() -> None:
    """At 40 % against 70 %, each request tells more than by its errors alone."""
    whole, errors_only = BadErrors(1.0), BadErrors(1.0)
    for _ in range(10):
        whole.block(10, 7, 10, 4)
        errors_only._seen = (0, 0)
        errors_only.block(10, 7, 10, 4)
    assert whole.log_e > errors_only.log_e + 2


@pytest.mark.parametrize("block", [(0, 0, 100, 3), (100, 3, 0, 0)])
def test_one_side_alone_is_no_comparison(block: tuple[int, int, int, int]) -> None:
    bad = BadErrors(1.1)
    bad.block(*block)
    assert bad.log_e == 0.0


def test_a_thousand_million_requests_do_not_overflow_and_one_error_cause_counts_once() -> None:
    bad, tempered = BadErrors(1.0), BadErrors(1.0, phi=10)
    for one in (bad, tempered):
        one.block(10**9, 10**9, 10**9, 10**6)
    assert isfinite(bad.log_e)
    assert tempered.log_e == pytest.approx(bad.log_e / 10, rel=1e-6)
    for _ in range(3):
        bad.block(10**9, 0, 10**9, 10**9)
    assert isfinite(bad.log_e)


def test_ratios_that_are_allowed_are_not_bet_on() -> None:
    bad = BadErrors(2.0)
    assert bad.ratios == (3.0, 5.0, 10.0, 30.0, 100.0)
    assert sum(bad.stakes) == pytest.approx(1)


@pytest.mark.parametrize(("rho0", "phi"), [(0.9, 1), (100, 1), (1.1, 0.5)])
def test_an_allowance_without_meaning_is_refused(rho0: float, phi: float) -> None:
    with pytest.raises(ValueError, match="not_worse_than"):
        BadErrors(rho0, phi)


def test_for_an_equal_allowance_the_nearest_point_is_the_pooled_rate() -> None:
    assert nearest(30, 0.4, 70, 0.1, 1.0) == pytest.approx((30 * 0.4 + 70 * 0.1) / 100)


blocks = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1)).map(
    lambda b: (b[0], int(b[0] * b[2]), b[1], int(b[1] * b[3]))
)


@given(st.lists(blocks, max_size=30), st.sampled_from([1.0, 1.1, 1.25, 5.0, 99.0]))
@settings(max_examples=100, deadline=None)
def test_any_traffic_gives_a_number(traffic: list[tuple[int, int, int, int]], rho0: float) -> None:
    bad = BadErrors(rho0)
    for block in traffic:
        bad.block(*block)
        assert isfinite(bad.log_e)
