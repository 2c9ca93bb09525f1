"""What a rollout makes of what people ask of it: abort, pause, approve, decide about what is held."""

from dataclasses import replace
from typing import Any

import pytest
from rollout_town import BACK, NEW, OLD, OPENING, PLAN, Town

from releaser.core import events as e
from releaser.core.commands import Look
from releaser.core.decide import decide
from releaser.core.plan import Approval, Step
from releaser.core.rollout import Phase
from releaser.core.values import Outcome, Split
from releaser.ports import Claim


def test_an_abort_goes_back_and_marks_nothing() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is Phase.WATCHING)
    town.ask("abort")
    r = town.end()
    assert town.story() == [*OPENING, "Asked", *BACK]
    assert r.outcome is Outcome.ROLLED_BACK
    assert town.site.ledger["bad"] == {}
    assert town.replies == [("going back: because", True)]


def test_an_abort_before_the_first_shift_writes_nothing_to_a_router() -> None:
    town = Town(healthy=False)
    town.open()
    town.turn_until(lambda r: r.phase is Phase.PROVING)
    town.ask("abort")
    assert town.end().outcome is Outcome.CANCELLED
    assert town.site.generation == 1
    assert "Shifted" not in town.story()


def test_after_the_commit_an_abort_is_refused_with_the_verb_that_helps() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.committed or r.finished is not None)
    town.ask("abort")
    town.end()
    town.loop.turn()
    assert [granted for _, granted in town.replies] in ([False], [])


def test_a_pause_holds_the_weight_and_its_end_goes_back() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is Phase.WATCHING)
    town.ask("pause", until=30.0)
    r = town.end()
    assert town.story() == [*OPENING, "Asked", "Paused", "Resumed", *BACK]
    assert r.turned is not None
    assert r.turned.why == "the pause of 30 s is over"


def test_a_pause_in_front_of_the_first_shift_keeps_users_away() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is Phase.PROVING)
    town.ask("pause", until=600.0)
    town.turn_until(lambda r: r.phase is Phase.ARMING and "web/lb1" in r.armed)
    for _ in range(50):
        town.loop.turn()
        town.executor.tick()
    assert town.now.phase is Phase.ARMING
    town.ask("resume")
    assert town.end().outcome is Outcome.PROMOTED


def test_a_pause_does_not_stop_the_clock_of_what_machines_do() -> None:
    town = Town(healthy=False)
    town.open()
    town.turn_until(lambda r: r.phase is Phase.PROVING)
    began = town.clock.at
    town.ask("pause", until=90000.0)
    town.end()
    assert town.clock.at - began < PLAN.health.ready_within + 10


def test_an_approval_is_asked_for_and_given() -> None:
    steps = (Step(50, eps=0.2, approve=Approval("ops", 600.0)), Step(100, eps=0.2))
    town = Town()
    town.open(replace(PLAN, steps=steps))
    town.turn_until(lambda r: r.asked_approval is not None)
    town.ask("approve")
    assert town.end().outcome is Outcome.PROMOTED
    story = town.story()
    assert story[len(OPENING) : len(OPENING) + 5] == ["Passed", "ApprovalAsked", "Asked", "Approved", "StepBegun"]


@pytest.mark.parametrize(("otherwise", "cause"), [("rollback", "deadline"), ("hold", "deadline")])
def test_an_approval_that_nobody_gives(otherwise: Any, cause: str) -> None:
    steps = (Step(50, eps=0.2, approve=Approval("ops", 60.0, otherwise)), Step(100, eps=0.2))
    town = Town()
    town.open(replace(PLAN, steps=steps, budget=replace(PLAN.budget, release=120.0)))
    r = town.end()
    assert ("Held" in town.story()) is (otherwise == "hold")
    assert r.turned is not None
    assert r.turned.cause == cause


def test_hold_keeps_the_split_until_somebody_decides() -> None:
    town = Town(errors=0.5)
    town.open(replace(PLAN, on_failure="hold"))
    town.turn_until(lambda r: r.held is not None)
    for _ in range(20):
        town.loop.turn()
        town.executor.tick()
    assert town.site.split is not None
    assert town.site.split.weight(NEW.id) == 50
    town.ask("rollback", mark_bad=True)
    assert town.end().outcome is Outcome.ROLLED_BACK


def held_after_a_bad_verdict() -> Town:
    town = Town(errors=0.5)
    town.open(replace(PLAN, on_failure="hold"))
    town.turn_until(lambda r: r.held is not None)
    return town


def test_a_held_release_is_resumed_and_judged_on_what_comes_after() -> None:
    town = held_after_a_bad_verdict()
    town.served[NEW.id], town.errors = 0, 0.0
    town.ask("resume")
    assert town.end().outcome is Outcome.PROMOTED
    assert town.story().count("Held") == 1


def test_a_held_release_that_goes_on_failing_is_held_again() -> None:
    town = held_after_a_bad_verdict()
    town.ask("resume")
    town.turn_until(lambda r: r.held is None)
    assert "errors" in town.turn_until(lambda r: r.held is not None).held.why  # type: ignore[union-attr]  # held by now
    assert town.story().count("Held") == 2


def test_a_held_release_is_advanced_on_a_persons_word() -> None:
    town = held_after_a_bad_verdict()
    town.ask("advance", reason="the errors are the load test's")
    town.turn_until(lambda r: r.step == 1)
    assert town.story()[-5:] == ["Held", "Asked", "Resumed", "Passed", "StepBegun"]


def test_an_approval_that_came_too_late_to_a_hold_is_asked_for_again_after_it() -> None:
    steps = (Step(50, eps=0.2, approve=Approval("ops", 60.0, "hold")), Step(100, eps=0.2))
    town = Town()
    town.open(replace(PLAN, steps=steps))
    town.turn_until(lambda r: r.held is not None)
    town.ask("resume")
    town.turn_until(lambda r: r.held is None and r.asked_approval is not None)
    town.ask("approve")
    assert town.end().outcome is Outcome.PROMOTED


def test_a_router_that_a_rollback_took_is_lost_and_was_not_changed_by_somebody_else() -> None:
    """The look may be quicker than the renewal that is refused."""
    town = held_after_a_bad_verdict()
    driven = town.loop.driven["r1"]
    seen = e.RouterSeen("web/lb1", Split.all_to(OLD.id), 10_000, armed=False, owner="back.1", fence=9)
    driven.watch.observe(Look("web/lb1"), seen, town.clock.at)
    said = decide(driven.rollout, driven.watch, town.clock.at).record
    assert said == [seen, e.Lost("web/lb1", "back.1 took it over")]


def test_what_a_rollback_from_elsewhere_took_is_told_as_taken() -> None:
    town = held_after_a_bad_verdict()
    claim = Claim("bo", "back.1", OLD, None, PLAN.binding, 20.0)
    town.world.sites["web/lb1"].ledger.acquire(claim, town.now.fence + 1, force=True, within=5.0)
    r = town.end()
    assert r.turned is not None
    assert (r.turned.cause, r.turned.mark_bad) == ("superseded", False)
    assert r.turned.why == "web/lb1 was taken over by a rollback or another release"
