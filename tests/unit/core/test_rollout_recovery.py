"""What a rollout does after its process died, its router went back by itself, or its journal was full or lacks a line."""

from dataclasses import replace

import pytest
from rollout_town import BACK, NEW, OLD, PLAN, Town

from releaser.core import events as e
from releaser.core.fold import replay
from releaser.core.plan import Step
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Moment, Outcome, Split
from releaser.engine.recover import resume, take_over


def crashed(phase: Phase) -> Town:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is phase)
    town.restart()
    return town


def recover(town: Town, *, finish: bool = False) -> Rollout:
    state = take_over(town.journal, "r1")
    resume(town.loop, state, town.world, town.clock, by="grace", finish=finish, reason="looked fine")
    return town.end()


@pytest.mark.parametrize("written", [False, True])
def test_a_first_release_that_died_at_its_shift_goes_on_and_its_ledger_agrees_with_the_router(written: bool) -> None:
    """A ledger that names it and a router that sends nobody to it would refuse every release after it."""
    town = Town(first=True)
    town.open(replace(PLAN, origin=None, before=None, binding=(("blue", NEW.id),), steps=(Step(100),)))
    town.turn_until(lambda r: r.step == 0)
    town.site.split = Split.all_to(NEW.id) if written else None
    town.restart()
    ended = recover(town)
    assert ended.outcome is Outcome.INCOMPLETE
    assert (town.site.split, town.site.ledger["current"]) == (Split.all_to(NEW.id), NEW.id)
    assert town.site.ledger["bad"] == {}, "that a process died says nothing about the version"
    assert ended.finished is not None
    assert "marked bad" not in ended.finished.why


def test_a_full_journal_takes_nothing_back_that_was_committed_before_the_crash() -> None:
    """The old release was told to end: users who are sent back to it would lose it."""
    town = Town()
    town.open()
    town.turn_until(lambda r: r.committed)
    town.restart()
    resume(town.loop, take_over(town.journal, "r1"), town.world, town.clock, by="grace", finish=False, reason="")
    town.journal.full = True
    ended = town.end()
    assert (ended.outcome, ended.turned) == (Outcome.PROMOTED, None)
    assert town.site.split == Split.all_to(NEW.id)
    assert town.site.ledger["current"] == NEW.id


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.WATCHING, Phase.BAKING])
def test_recovery_looks_first_and_then_goes_back(phase: Phase) -> None:
    town = crashed(phase)
    start = len(town.journal.read("r1"))
    assert recover(town).outcome is Outcome.ROLLED_BACK
    assert town.story(start) == ["Recovered", "RouterSeen", "Acquired", *BACK]
    assert town.site.split == Split.all_to(OLD.id)


def test_recovery_with_finish_goes_on_at_the_step_that_still_stands() -> None:
    town = crashed(Phase.WATCHING)
    start = len(town.journal.read("r1"))
    assert recover(town, finish=True).outcome is Outcome.PROMOTED
    assert town.story(start)[:7] == [
        "Recovered",
        "RouterSeen",
        "Acquired",
        "Armed",
        "RouterSeen",
        "StepBegun",
        "Shifted",
    ]


def test_recovery_with_finish_before_the_first_step_proves_the_release_again() -> None:
    town = crashed(Phase.PROVING)
    start = len(town.journal.read("r1"))
    assert recover(town, finish=True).outcome is Outcome.PROMOTED
    assert town.story(start)[2:6] == ["Acquired", "Placed", "Started", "Ready"]


def test_recovery_with_finish_goes_back_where_the_timer_was_quicker() -> None:
    town = crashed(Phase.BAKING)
    town.clock.pass_(60.0)
    town.site.guard()
    assert town.site.split == Split.all_to(OLD.id)
    assert recover(town, finish=True).outcome is Outcome.ROLLED_BACK


def test_a_timer_that_fired_is_noticed_and_the_router_is_taken_again_to_be_settled() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is Phase.WATCHING)
    town.clock.pass_(60.0)
    town.site.guard()
    r = town.end()
    assert r.outcome is Outcome.ROLLED_BACK
    assert "Fired" in town.story()
    assert r.turned is not None
    assert r.turned.why == "web/lb1 went back by its own timer"
    assert town.site.ledger["candidate"] is None
    assert town.site.ledger["settled"][1] == "reverted"


def test_a_full_journal_stops_the_way_forward_and_not_the_way_back() -> None:
    town = Town()
    town.open()
    town.turn_until(lambda r: r.phase is Phase.WATCHING)
    town.journal.full = True
    r = town.end()
    assert r.outcome is Outcome.ROLLED_BACK
    assert town.site.split == Split.all_to(OLD.id)


def test_replaying_the_journal_gives_the_live_state() -> None:
    town = Town(errors=0.5)
    town.open()
    r = town.end()
    assert replay(town.journal.read("r1")) == r


def test_a_journal_with_a_hole_is_not_acted_on() -> None:
    town = Town()
    town.open()
    town.end()
    entries = list(town.journal.read("r1"))
    with pytest.raises(ValueError, match="follows entry"):
        replay([*entries[:3], *entries[4:]])
    with pytest.raises(ValueError, match="at least one entry"):
        replay([])
    with pytest.raises(ValueError, match="not Opened"):
        replay([e.Entry("r1", 0, Moment(0.0, "b", 0.0), e.CommitBegun())])
