from dataclasses import replace

import pytest

from releaser.core.commands import Count
from releaser.core.plan import Plan, RouterRef, Step, TargetRef
from releaser.core.values import Release, Split
from releaser.core.watch import Watch

OLD = Release.of("1.4.1", "a" * 64, "c" * 64)
NEW = Release.of("1.4.2", "b" * 64, "c" * 64)
CANARY = Plan(
    "promote",
    "production",
    NEW,
    OLD.id,
    (("blue", OLD.id), ("green", NEW.id)),
    (TargetRef("web"),),
    (RouterRef("web/lb1", "web"),),
    steps=(Step(1), Step(50), Step(100)),
    before=Split.all_to(OLD.id),
)


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
    assert [each for question, each in watch.around if question == Count("web/lb1")] == [every]
