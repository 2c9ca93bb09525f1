"""Is a router blamed that does as it was told, and is one found out that does not?"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core.analysis.share import Observed
from releaser.core.share import ALPHA, agreement, allowed, interval
from releaser.core.values import Agreement

weights = st.integers(1, 100)
counts = st.integers(0, 5_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def users(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - whom simulated users meet is no secret


def observe(weight: int, share: float, requests: int, chance: Random, *, step: int = 10) -> Observed:
    """A router that sends each request to the candidate with probability `share`, read every `step` requests."""
    observed = Observed("web/lb1", weight, sticky=False)
    candidate = 0
    observed.count(0, 0)
    for sent in range(step, requests + 1, step):
        candidate += sum(chance.random() < share for _ in range(step))
        observed.count(candidate, sent - candidate)
    return observed


@given(counts, weights)
def test_the_interval_holds_what_was_seen_and_the_word_follows_from_it(counted: tuple[int, int], weight: int) -> None:
    candidate, requests = counted
    low, high = interval(candidate, requests)
    assert 0 <= low <= high <= 1
    if requests:
        assert low <= candidate / requests <= high
    told_low, told_high = allowed(weight)
    slack = 1e-9
    word = agreement(candidate, requests, weight)
    if word is Agreement.AGREES:
        assert told_low - slack <= low
        assert high <= told_high + slack
    elif word is Agreement.DISAGREES:
        assert low >= told_high - slack or high <= told_low + slack
    else:
        assert low <= told_low + slack or high >= told_high - slack


@given(weights)
def test_nothing_is_said_of_no_requests(weight: int) -> None:
    assert agreement(0, 0, weight) is Agreement.OPEN
    assert interval(0, 0) == (0.0, 1.0)
    assert Observed("web/lb1", weight, sticky=False).share() is None


@given(weights, st.integers(1, 200_000))
def test_a_router_that_deals_out_in_turn_is_never_blamed(weight: int, requests: int) -> None:
    assert agreement(requests * weight // 100, requests, weight) is not Agreement.DISAGREES


@given(weights, st.integers(0, 1 << 30))
def test_one_that_deals_out_by_chance_is_hardly_ever_blamed(weight: int, seed: int) -> None:
    """Read every 10 of 2,000 requests: 200 looks, each of which may be the unlucky one."""
    observed = observe(weight, weight / 100, 2_000, users(seed))
    assert observed.astray is None


def test_even_at_the_edge_of_what_is_allowed_the_mistakes_are_rarer_than_alpha() -> None:
    """Some thousand runs at the worst share that counts as obedient cannot show one in a million; they must show none."""
    chance, blamed = users(7), 0
    for weight in (1, 5, 25, 50, 99):
        for _ in range(60):
            for edge in allowed(weight):
                blamed += observe(weight, edge, 2_000, chance, step=20).astray is not None
    assert ALPHA <= 1e-6
    assert blamed == 0


@pytest.mark.parametrize(
    ("weight", "share", "within"),
    [(5, 0.22, 500), (5, 1.0, 60), (25, 0.0, 150), (50, 0.9, 250), (100, 0.9, 500), (1, 0.1, 900), (10, 0.5, 150)],
)
def test_a_router_that_does_otherwise_is_found_out(weight: int, share: float, within: int) -> None:
    for seed in range(20):
        observed = observe(weight, share, within, users(seed))
        assert observed.astray is not None


def test_four_of_a_hundred_cannot_be_told_from_five_with_a_thousand_requests() -> None:
    assert agreement(40, 1_000, 5) is Agreement.OPEN
    assert agreement(4_800, 100_000, 5) is Agreement.AGREES
    low, high = interval(4_800, 100_000)
    assert (round(low, 3), round(high, 3)) == (0.044, 0.052)


def test_a_rule_that_was_taken_away_is_forgotten() -> None:
    observed = Observed("web/lb1", 5, sticky=False)
    observed.count(0, 0)
    observed.count(2_200, 7_800)
    share = observed.share()
    assert share is not None
    assert (share.agreement, share.candidate, share.requests) == (Agreement.DISAGREES, 2_200, 10_000)
    observed.count(2_250, 8_750)  # fewer than had shown it
    assert bool(observed.astray)
    observed.count(2_700, 17_300)
    share = observed.share()
    assert share is not None
    assert not bool(observed.astray)
    assert (share.candidate, share.requests) == (2_700, 20_000)


def test_one_that_goes_on_is_not_forgotten() -> None:
    observed = Observed("web/lb1", 5, sticky=False)
    for second in range(300):
        observed.count(22 * second, 78 * second)
        assert second < 5 or observed.astray is not None
    share = observed.share()
    assert share is not None
    assert (share.candidate, share.requests) == (22 * 299, 100 * 299), "all of the step, where all of it shows it"


def test_counters_that_begin_anew_are_no_requests() -> None:
    observed = Observed("web/lb1", 50, sticky=False)
    for candidate, stable in ((90_000, 0), (90_010, 10), (0, 3), (10, 13)):
        observed.count(candidate, stable)
    share = observed.share()
    assert share is not None
    assert (share.candidate, share.requests) == (20, 40)


def test_where_users_stay_by_design_the_share_is_shown_and_not_judged() -> None:
    observed = Observed("web/lb1", 50, sticky=True)
    observed.count(0, 0)
    observed.count(0, 100_000)
    share = observed.share()
    assert share is not None
    assert (observed.astray, share.agreement, share.low) == (None, Agreement.NOT_ASKED, 0.0)
