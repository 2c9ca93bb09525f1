from collections.abc import Callable
from math import comb, exp, inf, log

import pytest

from releaser.core.analysis.errors_bad import BadErrors
from releaser.core.analysis.frozen import LINES, upper_rate, upper_rate_ever

Bound = Callable[[int, int, float], float]


def chance(n: int, x: int, p: float) -> float:
    return comb(n, x) * p**x * (1 - p) ** (n - x)


@pytest.mark.parametrize("bound", [upper_rate, upper_rate_ever])
@pytest.mark.parametrize("n", [10, 100, 400])
@pytest.mark.parametrize("p", [0.0005, 0.002, 0.02, 0.3])
@pytest.mark.parametrize("delta", [0.05, 0.001])
def test_the_bound_is_wrong_as_rarely_as_it_says(bound: Bound, n: int, p: float, delta: float) -> None:
    assert sum(chance(n, x, p) for x in range(n + 1) if bound(n, x, delta) < p) <= delta


@pytest.mark.parametrize("bound", [upper_rate, upper_rate_ever])
def test_the_bound_is_above_the_rate_and_closes_in_on_it(bound: Bound) -> None:
    bounds = [bound(1000 * k, 2 * k, 0.001) for k in (1, 10, 100, 10_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert 0.002 < bounds[-1] < 0.0022
    assert bound(1000, 0, 0.001) < bound(1000, 1, 0.001) < bound(1000, 5, 0.001)


def test_one_look_is_the_poisson_limit() -> None:
    assert upper_rate(1, 0, 0.001) == pytest.approx(6.908, rel=0.025)  # exp(-6.908) = .001
    assert upper_rate(1, 20, 0.05) == pytest.approx(29.06, rel=0.001)


def test_any_number_of_looks_is_wider_than_one() -> None:
    for n, x in ((100, 0), (1000, 2), (100_000, 200)):
        assert upper_rate(n, x, 0.001) < upper_rate_ever(n, x, 0.001)


def test_the_lasting_bound_without_errors_by_hand() -> None:
    assert upper_rate_ever(100, 0, 0.05) == pytest.approx(log(len(LINES) / 0.05) / 100)


def test_without_requests_nothing_is_known() -> None:
    assert upper_rate(0, 0, 0.001) == upper_rate_ever(0, 0, 0.001) == inf


@pytest.mark.parametrize("rho0", [1.0, 1.1])
@pytest.mark.parametrize("rate", [0.002, 0.1, 0.5])
def test_a_version_at_the_bound_never_gains_on_average(rho0: float, rate: float) -> None:
    total = 0.0
    for x in range(7):
        bad = BadErrors(rho0)
        bad.alone(6, x, rate)
        total += chance(6, x, rho0 * rate) * exp(bad.log_e)
    assert total <= 1 + 1e-12


def test_an_outage_at_100_percent_is_found_in_two_errors() -> None:
    bad = BadErrors(1.1)
    bad.alone(2, 2, 0.003)
    assert bad.log_e > log(100)
