from dataclasses import replace
from math import inf

import pytest

from releaser.core.commands import CheckHealth, Count, Look
from releaser.core.events import HealthRead
from releaser.core.plan import Plan, Step
from releaser.core.values import Reading, Verdict
from releaser.core.watch import Watch
from releaser.testing.samples import NEW, promotion

CANARY = promotion(Step(1), Step(50), Step(100))


@pytest.mark.parametrize(
    ("plan", "step", "every"),
    [
        (CANARY, 0, 0.5),
        (CANARY, 1, 1.0),
        (CANARY, 2, 1.0),
        (replace(CANARY, poll=0.2), 0, 0.2),
        (replace(CANARY, poll=5.0), 0, 5.0),
        (replace(CANARY, steps=(Step(100),)), 0, 1.0),
    ],
)
def test_counters_are_read_twice_as_often_in_the_first_step_of_a_canary(plan: Plan, step: int, every: float) -> None:
    watch = Watch(plan)
    watch.begin(step, 0.0)
    assert [each for turn, each in watch.around if turn.question == Count("web/lb1")] == [every]


def test_a_question_is_asked_at_its_interval_however_long_the_answer_takes_and_late_without_one() -> None:
    watch = Watch(CANARY)
    turn = watch.turn(Look("web/lb1"))
    assert turn.due(5.0) == -inf
    watch.ask(Look("web/lb1"), 100.0)
    assert turn.due(5.0) == 130.0
    watch.answered(Look("web/lb1"), 101.0)
    assert turn.due(5.0) == 105.0
    watch.answered(Look("web/lb1"), 104.0)
    assert turn.due(5.0) == 106.5, "who answers slowly is left alone for a while"


def test_a_verdict_is_weighed_anew_when_time_passes_or_an_answer_comes() -> None:
    watch = Watch(CANARY)
    watch.begin(0, 0.0)
    first = watch.verdict(1.0)
    assert watch.verdict(1.0) is first
    sick = HealthRead("web", NEW.id, Reading(False, "status 503"))
    for _ in range(CANARY.health.fails):
        watch.observe(CheckHealth("web", NEW.id), sick, 1.0)
    assert watch.verdict(1.0).verdict is Verdict.BAD
    watch.begin_anew(1)
    assert watch.verdict(1.0).verdict is Verdict.NO_DATA
    watch.begin(0, 2.0)
    assert watch.verdict(1000.0) is not watch.verdict(2000.0)


def test_two_questions_to_one_router_are_told_apart_at_a_glance() -> None:
    assert hash(Look("web/lb1")) != hash(Count("web/lb1"))
    assert hash(Look("web/lb1")) == hash(Look("web/lb1"))
