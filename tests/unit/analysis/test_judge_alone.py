"""What is a candidate measured against where no stable version answers beside it: in the bake, at a first release, with stable down?"""

from dataclasses import replace

import pytest
from judged_world import BASE, FAIL, NEW, OLD, PASS, World

from releaser.core.analysis.judge import Judge
from releaser.core.plan import Judging, Plan, RouterRef, Step, TargetRef
from releaser.core.values import Counts, Verdict


def at_full(plan: Plan, stable: tuple[int, int] = (90, 0)) -> World:
    """At 100 % after some minutes at 10 %."""
    world = World(plan)
    for second in range(120):
        world.second(stable if second % 5 == 0 else (90, 0), (10, 0))
    world.begin(2)
    return world


def test_the_bake_is_good_at_its_end_with_data_and_nothing_against_it() -> None:
    world = at_full(BASE)
    judgement = world.until(Verdict.GOOD, lambda: world.second((0, 0), (100, 0)))
    assert world.at == 120 + 60
    assert judgement.why == "1.4.2 answered 0 of 6,000 with errors: not bad, without a version beside it"


def test_at_100_percent_the_candidate_is_measured_against_what_stable_left() -> None:
    healthy, ill = at_full(BASE, (90, 1)), at_full(BASE, (90, 1))
    for second in range(59):
        assert healthy.second((0, 0), (100, second % 4 == 0)).verdict == Verdict.INCONCLUSIVE
    judgement = ill.until(Verdict.BAD, lambda: ill.second((0, 0), (100, 3)), limit=20)
    assert "1.4.1" in judgement.why


def test_a_regression_that_only_the_full_load_brings_is_found_in_the_bake() -> None:
    world = at_full(replace(BASE, bake=600), (90, 1))  # some 24 errors of stable, .2 %
    world.until(Verdict.BAD, lambda: world.second((0, 0), (100, int(world.at) % 3 < 2)))
    assert world.at < 120 + 240


def test_bad_moments_of_the_whole_world_undo_nothing_at_100_percent() -> None:
    """Every half a minute a tenth of all requests fails for some seconds, and nothing runs beside it that would show the same."""
    world = at_full(replace(BASE, bake=600), (90, 1))
    for second in range(599):
        assert world.second((0, 0), (100, 10 * (second % 30 < 8))).verdict == Verdict.INCONCLUSIVE
    assert world.second((0, 0), (100, 0)).verdict == Verdict.GOOD


def test_an_outage_at_100_percent_goes_back_at_once() -> None:
    world = at_full(replace(BASE, bake=600), (90, 1))
    for _ in range(200):
        world.second((0, 0), (100, 0))
    world.until(Verdict.BAD, lambda: world.second((0, 0), (100, 100)), limit=1)


def test_evidence_of_one_stay_at_100_percent_outlives_it() -> None:
    """A wave that is at 100 % leaves its evidence to the next one, as every step does."""
    waves = (RouterRef("eu/lb", "eu", 0), RouterRef("us/lb", "us", 1))
    targets = (TargetRef("eu", 0), TargetRef("us", 1))
    judge = Judge(replace(BASE, targets=targets, routers=waves, steps=(Step(10), Step(100), Step(10, wave=1))))
    judge.begin(0, 0.0)
    for at in range(6):
        judge.counted("eu/lb", {OLD.id: Counts(900 * at, at), NEW.id: Counts(100 * at)}, at)
    judge.begin(1, 5.0)
    for at in range(5, 30):
        judge.counted("eu/lb", {OLD.id: Counts(4500, 5), NEW.id: Counts(500 + 1000 * (at - 5), 2 * (at - 5) ** 2)}, at)
    before = judge.verdict(29.0).figures.log_bad
    judge.begin(2, 29.0)
    for at in range(29, 31):
        judge.counted("us/lb", {OLD.id: Counts(900 * at), NEW.id: Counts(100 * at)}, at)
    assert before > 1
    assert judge.verdict(30.0).figures.log_bad == pytest.approx(before)


def test_a_gap_in_the_data_starts_the_bake_again() -> None:
    world = at_full(BASE)
    for _ in range(30):
        world.second((0, 0), (100, 0))
    for _ in range(12):
        world.second((0, 0), (100, 0), counters=False)
    world.until(Verdict.GOOD, lambda: world.second((0, 0), (100, 0)))
    assert world.at == 120 + 30 + 13 + 60


def test_blue_green_measures_against_stables_record_before_the_shift() -> None:
    world = World(replace(BASE, steps=(Step(100),)))
    judgement = world.until(Verdict.BAD, lambda: world.second((0, 0), (100, 5)), limit=20)
    assert judgement.verdict == Verdict.BAD
    good = World(replace(BASE, steps=(Step(100),)))
    good.until(Verdict.GOOD, lambda: good.second((0, 0), (100, int(good.at) % 5 == 0)))
    assert good.at == 60


def test_blue_green_without_any_record_of_stable_judges_by_probes() -> None:
    world = World(replace(BASE, steps=(Step(100),)))
    world.counts = {OLD.id: Counts(), NEW.id: Counts()}
    world.judge = Judge(replace(BASE, steps=(Step(100),)))
    world.begin(0)
    for _ in range(20):
        assert world.second((0, 0), (100, 50)).verdict == Verdict.INCONCLUSIVE
    world.second(probe=FAIL)
    assert world.second(probe=FAIL).verdict == Verdict.BAD


def test_no_bake_without_requests() -> None:
    world = World(replace(BASE, steps=(Step(100),), bake=5))
    for _ in range(20):
        assert world.second((0, 0), (0, 0)).verdict == Verdict.INCONCLUSIVE


def test_where_errors_are_not_compared_the_probes_decide() -> None:
    plan = replace(BASE, judging=Judging(errors=False))
    judge = Judge(plan)
    judge.begin(0, 0.0)
    for at in range(1, 8):
        judge.health("web", PASS if at != 3 else FAIL, at)
        expected = Verdict.GOOD if at >= 6 else Verdict.INCONCLUSIVE  # three in a row since the failure, and 5 s
        assert judge.verdict(at).verdict == expected
    assert "errors are not compared" in judge.verdict(7).why


def test_a_first_release_is_judged_by_its_probes_and_does_not_bake() -> None:
    plan = replace(BASE, origin=None, before=None, binding=(("blue", NEW.id),), steps=(Step(100, at_least=4),))
    judge = Judge(plan)
    judge.begin(0, 0.0)
    for at in range(1, 6):
        judge.counted("web/lb1", {NEW.id: Counts(10 * at, 10 * at)}, at)
        judge.health("web", PASS, at)
    assert judge.verdict(3).verdict == Verdict.INCONCLUSIVE
    assert judge.verdict(4).verdict == Verdict.GOOD


def test_with_stable_down_only_the_fixed_ceiling_counts() -> None:
    plan = replace(BASE, judging=Judging(absolute=0.05))
    fine, bad = World(plan), World(plan)
    judgement = fine.until(Verdict.GOOD, lambda: fine.second((90, 90), (10, 0)))
    assert "below 5.00%" in judgement.why
    judgement = bad.until(Verdict.BAD, lambda: bad.second((90, 90), (10, 2)))
    assert "to 1 against" in judgement.why
