"""When does the judge pass a step, call a version bad, or wait, and how does it say why?"""

from dataclasses import replace
from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st
from judged_world import BASE, FAIL, NEW, OLD, PASS, SILENT, World

from releaser.core.analysis.judge import Judge
from releaser.core.plan import Judging, Step
from releaser.core.values import Counts, Release, Verdict


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
