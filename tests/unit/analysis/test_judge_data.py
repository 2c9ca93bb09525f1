"""Which readings count for the judge, and what does it say where they are missing, late or of another wave?"""

from dataclasses import replace

import pytest
from judged_world import BASE, FAIL, NEW, OLD, SILENT, World

from releaser.core.analysis.judge import Judge
from releaser.core.plan import RouterRef, Step, TargetRef
from releaser.core.values import Counts, Verdict


def test_requests_from_before_the_step_count_for_nothing() -> None:
    world = World()
    world.counts = {OLD.id: Counts(90_000, 100), NEW.id: Counts(5_000, 5_000)}
    world.begin(1)
    assert world.second().verdict != Verdict.BAD
    world.at = 100.0
    world.begin(1)
    world.judge.counted("web/lb1", {OLD.id: Counts(99_000, 100), NEW.id: Counts(9_000, 9_000)}, 99.0)
    assert world.judge.verdict(100.0).verdict != Verdict.BAD


def test_silent_counters_are_no_data_after_ten_seconds_and_never_a_pass() -> None:
    world = World()
    world.until(Verdict.GOOD, world.second)
    for _ in range(10):
        world.second(counters=False)
    judgement = world.second(counters=False)
    assert judgement.verdict == Verdict.NO_DATA
    assert judgement.why == "the counters of web/lb1 have not answered for 11 s"


def test_a_longer_poll_has_more_patience() -> None:
    world = World(replace(BASE, poll=5.0))
    for _ in range(14):
        world.second(counters=False)
    assert world.second(counters=False).verdict == Verdict.INCONCLUSIVE
    assert world.second(counters=False).verdict == Verdict.NO_DATA


def test_unanswered_probes_are_no_data() -> None:
    world = World()
    world.until(Verdict.NO_DATA, lambda: world.second(probe=SILENT))
    assert world.at == 11


def test_a_candidate_that_no_user_reaches_is_no_data_after_half_a_minute() -> None:
    world = World()
    judgement = world.until(Verdict.NO_DATA, lambda: world.second((100, 0), (0, 0)))
    assert world.at == 31
    assert judgement.why == "no request has reached 1.4.2 for 31 s, at 10 %"


def test_before_any_step_there_is_no_data() -> None:
    assert Judge(BASE).verdict(5.0).verdict == Verdict.NO_DATA


def test_one_silent_router_of_two_holds_but_is_not_no_data() -> None:
    world = World(replace(BASE, routers=(RouterRef("web/lb1", "web"), RouterRef("web/lb2", "web"))))
    for _ in range(60):
        judgement = world.second()
    assert judgement.verdict == Verdict.INCONCLUSIVE
    assert judgement.why == "the counters of web/lb2 do not answer"


def test_several_routers_are_summed() -> None:
    judge = Judge(replace(BASE, routers=(RouterRef("web/lb1", "web"), RouterRef("web/lb2", "web"))))
    judge.begin(0, 0.0)
    for at in (0.0, 1.0):
        for router in ("web/lb1", "web/lb2"):
            judge.counted(router, {OLD.id: Counts(int(90 * at)), NEW.id: Counts(int(10 * at), int(at))}, at)
    assert judge.verdict(1.0).figures.candidate == Counts(20, 2)


def test_only_the_routers_of_the_wave_that_moves_count() -> None:
    waves = (RouterRef("eu/lb", "eu", 0), RouterRef("us/lb", "us", 1))
    plan = replace(
        BASE,
        targets=(TargetRef("eu", 0), TargetRef("us", 1)),
        routers=waves,
        steps=(Step(10, wave=0), Step(10, wave=1)),
    )
    judge = Judge(plan)
    judge.begin(0, 0.0)
    for at in (0.0, 1.0, 2.0):
        judge.counted("us/lb", {OLD.id: Counts(int(90 * at)), NEW.id: Counts(int(10 * at), int(10 * at))}, at)
    assert judge.verdict(2.0).figures.candidate == Counts()
    judge.begin(1, 2.0)
    for at in (2.0, 3.0):
        judge.counted("us/lb", {OLD.id: Counts(int(90 * at)), NEW.id: Counts(int(10 * at), int(10 * at))}, at)
    assert judge.verdict(3.0).verdict == Verdict.BAD


def test_a_failing_target_of_any_wave_is_bad() -> None:
    plan = replace(BASE, targets=(TargetRef("web"), TargetRef("api", 1)))
    world = World(plan)
    for _ in range(2):
        world.judge.health("api", FAIL, world.at)
    assert world.second().verdict == Verdict.BAD


def test_one_failure_on_a_target_of_another_wave_holds() -> None:
    world = World(replace(BASE, targets=(TargetRef("web"), TargetRef("api", 1))))
    world.until(Verdict.GOOD, world.second)
    world.judge.health("api", FAIL, world.at)
    judgement = world.second()
    assert (judgement.verdict, judgement.why) == (
        Verdict.INCONCLUSIVE,
        "the last health probe of 1.4.2 on api failed",
    )


def test_counters_that_start_anew_are_no_evidence() -> None:
    world = World()
    for _ in range(5):
        world.second()
    world.counts = {OLD.id: Counts(10), NEW.id: Counts(5, 5)}
    world.judge.counted("web/lb1", world.counts, world.at + 0.5)
    assert world.second().verdict != Verdict.BAD


def test_an_unknown_router_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        World().judge.counted("web/other", {}, 1.0)
