from math import comb, exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.analysis.alone import PATIENCE, Alone

RATE = 0.004
SECOND = 200


def chance(n: int, x: int, p: float) -> float:
    return comb(n, x) * p**x * (1 - p) ** (n - x)


def after(errors: list[int], rho0: float = 1.1, rate: float = RATE) -> Alone:
    """One entry a second, of SECOND requests each."""
    alone = Alone(rho0, rate, 0.0)
    for at, x in enumerate(errors, 1):
        alone.block(SECOND, x, float(at))
    return alone


def found(errors: list[int]) -> int | None:
    """The second in which the evidence would be enough by itself."""
    return next((at for at in range(1, len(errors) + 1) if after(errors[:at]).log_e >= log(100)), None)


moments = st.lists(st.tuples(st.integers(1, 3 * PATIENCE), st.integers(0, 40), st.integers(1, 4)), max_size=12)


@given(moments)
@settings(max_examples=100, deadline=None)
def test_bad_moments_prove_nothing_however_many_and_however_bad(history: list[tuple[int, int, int]]) -> None:
    """Each of fifteen seconds at most, up to a fifth of all requests, with an ordinary window or more before the next."""
    alone, at = Alone(1.1, RATE, 0.0), 0.0
    for seconds, errors, quiet in history:
        for x in [errors] * (seconds + -seconds % 3) + [0] * 3 * quiet:
            at += 1.0
            alone.block(SECOND, x, at)
            assert alone.log_e <= 0


def test_trouble_that_does_not_end_is_found_by_the_window_after_the_patience() -> None:
    assert found([10] * 60) == 18  # 5 % of the requests
    assert found([6] * 60) == 18
    assert found([3] * 60) is not None


def test_an_outage_is_found_in_the_first_reading() -> None:
    assert found([SECOND]) == 1
    assert found([0] * 300 + [SECOND]) == 301


def test_half_of_all_requests_failing_is_an_outage_too() -> None:
    assert found([SECOND // 2] * 5) is not None


def test_trouble_that_sets_in_after_an_hour_is_found_as_soon() -> None:
    healthy = [1, 0, 1] * 1200
    late = Alone(1.1, RATE, 0.0)
    for at, x in enumerate(healthy + [10] * 18, 1):
        late.block(SECOND, x, float(at))
    assert late.log_e >= log(100)


@pytest.mark.parametrize("rho0", [1.0, 1.1, 2.0])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.19])
@pytest.mark.parametrize("moment", [PATIENCE, PATIENCE + 3])
def test_an_ordinary_window_after_a_moment_never_gains_on_average(rho0: float, rate: float, moment: int) -> None:
    """Every outcome of the window that is bet on, at the allowed rate, after moments of any length."""
    n, at = 100, 0.0
    before, total = None, 0.0
    for x in range(n + 1):
        alone, at = Alone(rho0, rate, 0.0), 0.0
        for _ in range(moment):
            at += 3.0
            alone.block(n, n // 2, at)
        before = alone.log_e
        alone.block(n, x, at + 3.0)
        total += chance(n, x, rho0 * rate) * exp(alone.log_e - before)
    assert total <= 1 + 1e-12


def test_one_window_decides_nothing_by_its_outcome_when_it_closes() -> None:
    """The same requests in the same seconds close the same windows, whatever was answered."""
    good, bad = after([0] * 4), after([30] * 4)
    assert (good._opened, good._n) == (bad._opened, bad._n) == (3.0, SECOND)


def test_with_little_traffic_a_window_waits_for_half_an_allowed_error() -> None:
    alone = Alone(1.0, 0.001, 0.0)
    for at in range(1, 50):
        alone.block(10, 0, float(at))
    assert (alone._opened, alone._n) == (0.0, 490)
    alone.block(10, 0, 50.0)
    assert (alone._opened, alone._n) == (50.0, 0)
