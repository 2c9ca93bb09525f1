"""How a rollout tells its story: the exact sequence of events of each kind of release, driven by the real loop over fakes."""

from dataclasses import replace

import pytest
from rollout_town import BACK, NEW, OLD, OPENING, PLAN, Town

from releaser.core.plan import Plan, Step
from releaser.core.rollout import Phase
from releaser.core.values import Outcome, Split
from releaser.testing.fakes import MemoryJournal


def test_a_good_release_goes_up_step_by_step_and_is_committed_after_its_bake() -> None:
    town = Town()
    town.open()
    r = town.end()
    assert r.outcome is Outcome.PROMOTED
    up = ["Passed", "StepBegun", "Shifted"]
    assert town.story() == [*OPENING, *up, "Passed", "CommitBegun", "Settled", "Stopped", "Collected", "Finished"]
    assert town.site.split == Split.all_to(NEW.id)
    assert town.site.ledger["good"][0] == NEW.id
    assert town.site.switches == []


def test_a_bad_release_is_taken_back_by_the_judge_and_marked() -> None:
    town = Town(errors=0.5)
    town.open()
    r = town.end()
    assert r.outcome is Outcome.ROLLED_BACK
    assert town.story() == [*OPENING, *BACK]
    assert r.turned is not None
    assert (r.turned.cause, r.turned.mark_bad) == ("judge", True)
    assert list(town.site.ledger["bad"]) == [NEW.id]
    assert town.site.split == Split.all_to(OLD.id)


def test_a_release_that_is_never_ready_gets_no_traffic() -> None:
    town = Town(healthy=False)
    town.open()
    r = town.end()
    ending = ["LeftOut", "TurnedBack", "Settled", "Stopped", "Finished"]
    assert town.story() == ["Opened", "Acquired", "Placed", "Started", *ending]
    assert "became ready on no host of web: app1 (failed: not ready within" in r.finished.why if r.finished else False
    assert town.site.generation == 1


def test_the_first_release_is_one_shift_and_has_no_way_back() -> None:
    first = replace(PLAN, origin=None, before=None, binding=(("blue", NEW.id),), steps=(Step(100),))
    town = Town(first=True)
    town.open(first)
    assert town.end().outcome is Outcome.PROMOTED
    assert "Rehearsed" not in town.story()


@pytest.mark.parametrize(("who", "marked"), [("abort", False), ("signal", False), ("rollback", True), ("judge", True)])
def test_only_the_judge_or_a_rollback_marks_a_first_release_bad(who: str, marked: bool) -> None:
    town = Town(first=True)
    town.open(replace(PLAN, origin=None, before=None, binding=(("blue", NEW.id),), steps=(Step(100),)))
    town.turn_until(lambda r: r.phase is Phase.BAKING)
    if who == "judge":
        town.healthy = False
    else:
        town.ask(who, mark_bad=who == "rollback")
    ended = town.end()
    assert ended.outcome is Outcome.INCOMPLETE
    assert list(town.site.ledger["bad"]) == [NEW.id] * marked
    assert town.site.ledger["good"] == [NEW.id] * (not marked)
    assert ended.finished is not None
    assert ("marked bad" in ended.finished.why) is marked


def back_plan(*, cold: bool) -> Plan:
    return replace(
        PLAN, kind="rollback", to=OLD, origin=NEW.id, steps=(Step(100),), cold=cold, before=Split.all_to(NEW.id)
    )


def promoted() -> Town:
    town = Town()
    town.open()
    town.end()
    town.journal = MemoryJournal()
    town.restart()
    return town


def test_a_warm_rollback_shifts_at_once_and_calls_off_the_end_of_what_it_went_to() -> None:
    town = promoted()
    assert town.stops("blue")
    town.open(back_plan(cold=False))
    r = town.end()
    assert r.outcome is Outcome.ROLLED_BACK
    assert town.story() == ["Opened", "Acquired", "Shifted", "Settled", "Started", "Stopped", "Collected", "Finished"]
    assert not town.stops("blue")
    assert list(town.site.ledger["bad"]) == [NEW.id]


def test_a_cold_rollback_starts_the_old_release_first() -> None:
    town = promoted()
    town.host.slots["blue"].wanted = False
    town.open(back_plan(cold=True))
    assert town.end().outcome is Outcome.ROLLED_BACK
    assert town.story() == [
        "Opened",
        "Acquired",
        "Started",
        "Ready",
        "Shifted",
        "Settled",
        "Stopped",
        "Collected",
        "Finished",
    ]


def test_a_plan_that_brings_a_release_in_its_own_place_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="brings nothing"):
        replace(PLAN, kind="rollback", origin=NEW.id)
