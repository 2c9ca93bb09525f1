from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.analysis.judge import Judge, Judgement
from releaser.core.plan import Judging, Plan, RouterRef, Step, TargetRef
from releaser.core.values import Counts, Reading, Release, Split, Verdict

OLD = Release.of("1.4.1", "a" * 64, "c" * 64)
NEW = Release.of("1.4.2", "b" * 64, "c" * 64)
PASS, FAIL, SILENT = Reading(passed=True), Reading(passed=False, detail="503"), Reading(passed=None)
BASE = Plan(
    "promote",
    "production",
    NEW,
    OLD.id,
    (("blue", OLD.id), ("green", NEW.id)),
    (TargetRef("web"),),
    (RouterRef("web/lb1", "web"),),
    steps=(Step(10, at_least=5, eps=0.02), Step(50, eps=0.01), Step(100)),
    before=Split.all_to(OLD.id),
    bake=60,
)


class World:
    """One router and one target; every second each version answers so many requests with so many errors."""

    def __init__(self, plan: Plan = BASE) -> None:
        self.judge = Judge(plan)
        self.at = 0.0
        self.counts = {OLD.id: Counts(50_000, 100), NEW.id: Counts()}
        self.begin(0)

    def begin(self, step: int) -> None:
        self.judge.begin(step, self.at)
        self.judge.counted("web/lb1", self.counts, self.at)

    def second(
        self,
        old: tuple[int, int] = (90, 0),
        new: tuple[int, int] = (10, 0),
        *,
        active: int = 0,
        probe: Reading | None = PASS,
        counters: bool = True,
    ) -> Judgement:
        self.at += 1
        was_old, was_new = self.counts[OLD.id], self.counts[NEW.id]
        self.counts = {
            OLD.id: Counts(was_old.completed + old[0], was_old.failed + old[1]),
            NEW.id: Counts(was_new.completed + new[0], was_new.failed + new[1], active),
        }
        self.judge.counted("web/lb1", self.counts if counters else None, self.at)
        if probe is not None:
            self.judge.health("web", probe, self.at)
        return self.judge.verdict(self.at)

    def until(self, wanted: Verdict, each: Callable[[], Judgement], limit: int = 300) -> Judgement:
        for _ in range(limit):
            judgement = each()
            if judgement.verdict == wanted:
                return judgement
        raise AssertionError(f"not {wanted} within {limit} s: {judgement}")


def test_a_good_version_passes_after_its_evidence_and_its_time() -> None:
    world = World()
    judgement = world.until(Verdict.GOOD, world.second)
    assert world.at >= 5
    assert "1.4.2 answered 0 of" in judgement.why
    assert "not worse by 2.00%" in judgement.why


def test_evidence_that_is_enough_still_waits_for_the_time_of_the_step() -> None:
    world = World(replace(BASE, steps=(Step(10, at_least=40, eps=0.02), Step(100))))
    world.until(Verdict.GOOD, world.second)
    assert world.at == 40


def test_the_step_lasts_two_polls_at_least() -> None:
    world = World(replace(BASE, poll=4.0, steps=(Step(50, eps=0.2), Step(100))))
    world.until(Verdict.GOOD, lambda: world.second((1000, 0), (1000, 0)))
    assert world.at == 8


def test_errors_of_the_candidate_are_bad_and_said_with_their_figures() -> None:
    world = World()
    judgement = world.until(Verdict.BAD, lambda: world.second((90, 0), (10, 3)))
    assert judgement.why.startswith(
        f"1.4.2 answered {3 * int(world.at)} of {10 * int(world.at)} with errors, 1.4.1 0 of"
    )
    assert judgement.why.endswith("to 1 against")
    assert judgement.figures.candidate == Counts(10 * int(world.at), 3 * int(world.at))
    assert judgement.figures.log_bad >= 4.6


def test_bad_stays_bad() -> None:
    world = World()
    first = world.until(Verdict.BAD, lambda: world.second((90, 0), (10, 10)))
    for _ in range(50):
        later = world.second((90, 5), (10, 0))
        assert (later.verdict, later.why) == (Verdict.BAD, first.why)


def test_an_outage_at_one_percent_costs_five_requests_at_most() -> None:
    world = World(replace(BASE, steps=(Step(1), Step(100))))
    world.until(Verdict.BAD, lambda: world.second((198, 0), (2, 2)))
    assert world.counts[NEW.id].failed <= 5


def test_a_candidate_that_hangs_is_bad_by_the_counters_alone() -> None:
    world = World(replace(BASE, steps=(Step(1), Step(100))))
    hanging = iter(range(2, 100, 2))
    judgement = world.until(Verdict.BAD, lambda: world.second((198, 0), (0, 0), active=next(hanging)))
    assert "1.4.2 answered" in judgement.why
    assert world.at <= 5


def test_a_candidate_whose_port_is_dead_is_bad_by_the_counters_alone() -> None:
    world = World(replace(BASE, steps=(Step(5), Step(100))))
    world.until(Verdict.BAD, lambda: world.second((190, 0), (10, 10)))
    assert world.at == 1


def test_both_versions_equally_ill_is_not_the_candidates_fault() -> None:
    world = World()
    for _ in range(60):
        assert world.second((90, 45), (10, 5)).verdict != Verdict.BAD


def test_failed_probes_in_a_row_are_bad_and_an_unanswered_one_is_not_a_failure() -> None:
    world = World()
    assert world.second(probe=FAIL).verdict == Verdict.INCONCLUSIVE
    assert world.second(probe=SILENT).verdict == Verdict.INCONCLUSIVE
    judgement = world.second(probe=FAIL)
    assert judgement.verdict == Verdict.BAD
    assert judgement.why == "1.4.2 failed 2 health probes in a row on web: 503"


def test_failures_go_on_counting_over_a_change_of_weight() -> None:
    world = World()
    world.second(probe=FAIL)
    world.begin(1)
    assert world.second(probe=FAIL).verdict == Verdict.BAD


def test_no_pass_while_the_last_probe_failed() -> None:
    world = World()
    for _ in range(60):
        world.second()
    assert world.second(probe=FAIL).verdict == Verdict.INCONCLUSIVE
    assert world.second(probe=PASS).verdict == Verdict.GOOD


def test_a_pass_rests_on_samples_of_its_own_step() -> None:
    world = World()
    world.until(Verdict.GOOD, world.second)
    world.begin(1)
    judgement = world.judge.verdict(world.at + 9.9)
    assert judgement.verdict == Verdict.INCONCLUSIVE
    assert "0 of 1 health probes in this step" in judgement.why
    assert world.second((50, 0), (50, 0)).figures.log_good < 1.0


def test_evidence_against_the_candidate_outlives_the_step() -> None:
    world = World()
    while world.second((90, 0), (10, 1)).figures.log_bad < 2.0:
        pass
    before = world.judge.verdict(world.at).figures.log_bad
    world.begin(1)
    assert world.judge.verdict(world.at).figures.log_bad == before


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


def test_a_step_without_a_stated_tolerance_takes_the_one_of_its_weight() -> None:
    world = World(replace(BASE, steps=(Step(10), Step(50), Step(100)), judging=Judging(within=0.01)))
    judgement = world.until(Verdict.GOOD, world.second)
    assert "not worse by 5.00%" in judgement.why


def test_the_same_version_with_another_config_is_named_by_its_id() -> None:
    again = Release.of("1.4.1", "a" * 64, "d" * 64)
    plan = replace(BASE, to=again, binding=(("blue", OLD.id), ("green", again.id)))
    judge = Judge(plan)
    judge.begin(0, 0.0)
    for _ in range(2):
        judge.health("web", FAIL, 1.0)
    assert judge.verdict(1.0).why.startswith(again.id)


def test_the_same_calls_give_the_same_judgements() -> None:
    first, second = World(), World()
    for i in range(30):
        errors = (10, int(i % 7 == 0))
        assert first.second((90, 1), errors) == second.second((90, 1), errors)


steps = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(0, 200),
        st.integers(0, 50),
        st.integers(0, 50),
        st.integers(0, 30),
        st.sampled_from(["", "reset", "silent", "next"]),
    ),
    max_size=40,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_any_counters_give_a_verdict_with_sound_figures(history: list[tuple[int, int, int, int, int, str]]) -> None:
    world, step = World(), 0
    for old, new, old_errors, new_errors, active, what in history:
        if what == "reset":
            world.counts = {OLD.id: Counts(), NEW.id: Counts()}
        if what == "next" and step < 2:
            step += 1
            world.begin(step)
        judgement = world.second(
            (old, min(old, old_errors)), (new, min(new, new_errors)), active=active, counters=what != "silent"
        )
        figures = judgement.figures
        assert judgement.why
        assert isfinite(figures.log_bad)
        assert isfinite(figures.log_good)
        assert figures.candidate.failed <= figures.candidate.completed
        assert figures.stable.failed <= figures.stable.completed


def test_an_unknown_router_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        World().judge.counted("web/other", {}, 1.0)
