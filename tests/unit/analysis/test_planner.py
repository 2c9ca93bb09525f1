from dataclasses import replace
from math import log, sqrt

import pytest

from releaser.core.analysis.planner import good_need, regression_need, sees
from releaser.core.plan import Judging, Plan, Step
from releaser.testing.samples import promotion

PLAN = promotion(*(Step(weight, at_least=15) for weight in (1, 5, 25, 50, 100)))


def test_a_doubled_error_rate_at_five_percent_by_hand() -> None:
    need = regression_need(2.0, weight=0.05, base=0.001, alpha=0.01)
    assert need is not None
    b = log(1.05)
    a = log(2) - b
    information, variance = 0.001 * (2 * a - 19 * b), 0.001 * (2 * a * a + 19 * b * b)
    evidence = log(100) + log(1 / 0.22) + log(1 / 0.7)
    z = 1.645 * sqrt(variance)
    assert need.n50 == pytest.approx(evidence / information)
    assert need.n95 == pytest.approx(((z + sqrt(z * z + 4 * information * evidence)) / (2 * information)) ** 2)
    assert 17_000 < need.n50 < 19_000


def test_what_is_allowed_is_never_seen() -> None:
    assert regression_need(1.1, weight=0.05, base=0.001, alpha=0.01, rho0=1.1) is None
    assert regression_need(1.5, weight=0.05, base=0.001, alpha=0.01, rho0=2.0) is None


@pytest.mark.parametrize("weight", [0.01, 0.05, 0.25, 0.5])
def test_a_larger_regression_needs_fewer_requests_and_a_wider_allowance_more(weight: float) -> None:
    needs = [regression_need(r, weight=weight, base=0.001, alpha=0.01, rho0=1.1) for r in (2.0, 3.0, 5.0, 10.0, 30.0)]
    found = [need.n95 for need in needs if need]
    assert len(found) == 5
    assert found == sorted(found, reverse=True)
    strict = regression_need(2.0, weight=weight, base=0.001, alpha=0.01)
    assert strict is not None
    assert strict.n95 < found[0]


def test_a_good_version_needs_longer_for_a_closer_tolerance() -> None:
    wide = good_need(weight=0.5, base=0.002, eps=0.01, beta=0.05)
    close = good_need(weight=0.5, base=0.002, eps=0.005, beta=0.05)
    assert wide is not None
    assert close is not None
    assert wide.n50 < close.n50 < close.n95


def test_each_step_says_what_it_sees_and_how_long_a_good_version_stays() -> None:
    sights = [sees(PLAN, step, rate=200, base=0.002) for step in range(5)]
    assert [sight.weight for sight in sights] == [1, 5, 25, 50, 100]
    assert all(sight.good_seconds is not None and 15 <= sight.good_seconds <= 30 for sight in sights[:4])
    assert sights[0].text == "1 %: a good version stays about 15 s; the judge sees an outage within 4 s"
    assert "times the errors of stable" in sights[3].text
    assert sights[3].smallest is not None
    assert sights[1].smallest is not None
    assert sights[3].smallest < sights[1].smallest
    assert "nothing runs beside it" in sights[4].text


def test_more_traffic_sees_more() -> None:
    small, large = sees(PLAN, 1, rate=100, base=0.002), sees(PLAN, 1, rate=10_000, base=0.002)
    assert large.smallest is not None
    assert small.smallest is None or large.smallest < small.smallest


def test_what_the_traffic_cannot_show_within_the_budget_is_said() -> None:
    slow = replace(PLAN, judging=Judging(within=0.0001))
    sight = sees(slow, 3, rate=2, base=0.01)
    assert "a good version never passes within 15 min" in sight.text


@pytest.mark.parametrize(
    ("plan", "rate", "why"),
    [
        (replace(PLAN, judging=Judging(errors=False)), 200.0, "health probes alone decide"),
        (replace(PLAN, origin=None, before=None), 200.0, "health probes alone decide"),
        (replace(PLAN, judging=Judging(absolute=0.05)), 200.0, "fixed ceiling of 5.00%"),
        (PLAN, 0.0, "no traffic has been counted yet"),
    ],
)
def test_a_step_that_compares_nothing_says_so(plan: Plan, rate: float, why: str) -> None:
    sight = sees(plan, 0, rate=rate, base=0.002)
    assert why in sight.text
    assert (sight.smallest, sight.good_seconds) == (None, None)
