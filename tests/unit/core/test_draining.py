"""What users had begun with a release that is taken back: it ends by itself, or is cut short after a while."""

from dataclasses import replace
from typing import Any

from rollout_town import NEW, OLD, PLAN, Town

from releaser.core import events as e
from releaser.core.commands import Cut
from releaser.core.story import tell
from releaser.core.values import Binding, Counts, Outcome
from releaser.errors import FailedError

CUT = Cut("web/lb1", NEW.id)
KEPT_OPEN = 1_000_000.0


class Busy(Town):
    """Its users hold three connections to the new release until the clock says `until`. Implements ports.Cutter."""

    def __init__(self, until: float, *, refuses: str = "") -> None:
        super().__init__(errors=0.5)
        self.until, self.refuses = self.clock.at + until, refuses
        self.cuts: list[float] = []
        self.world = replace(self.world, sites={"web/lb1": replace(self.world.sites["web/lb1"], cutter=self)})

    def count(self) -> dict[str, Counts]:
        counted = super().count()
        active = 0 if self.clock.at > self.until or self.cuts else 3
        return counted | {NEW.id: replace(counted[NEW.id], active=active)}

    def cut(self, release: str, binding: Binding, *, fence: int, within: float) -> int:
        assert (release, binding, fence) == (NEW.id, PLAN.binding, self.now.fence)
        if self.refuses:
            raise FailedError(self.refuses)
        self.cuts.append(self.clock.at)
        return 3


def ended(town: Busy, **changes: Any) -> e.Finished:
    town.open(replace(PLAN, cut_after=10.0, **changes))
    finished = town.end().finished
    assert finished is not None
    return finished


def test_what_does_not_end_by_itself_is_cut_after_its_time_and_the_story_says_how_many() -> None:
    town = Busy(KEPT_OPEN)
    assert ended(town).outcome is Outcome.ROLLED_BACK
    assert town.now.back_at is not None
    (at,) = town.cuts
    assert 10.0 <= at - town.now.back_at < 11.0
    assert town.now.cut == {"web/lb1": 3}
    told = [tell(one.event, PLAN) for one in town.journal.read("r1")]
    assert "cut 3 connections of 1.4.2 on web/lb1, whose time to end was over" in told


def test_users_are_back_and_the_ledger_is_closed_before_anybody_waits_for_old_connections() -> None:
    town = Busy(KEPT_OPEN)
    ended(town)
    moments = {type(one.event): one.moment.at for one in town.journal.read("r1")}
    assert moments[e.Settled] - moments[e.TurnedBack] < 2.0
    assert moments[e.Stopped] - moments[e.TurnedBack] < 2.0
    assert moments[e.CutShort] - moments[e.TurnedBack] > 9.0


def test_what_ends_in_time_is_not_cut_and_the_end_does_not_wait_longer() -> None:
    town = Busy(0.0)
    assert ended(town).outcome is Outcome.ROLLED_BACK
    assert (town.cuts, town.now.cut) == ([], {})
    assert town.now.since - town.now.turned_at < 3.0


def test_a_router_that_cannot_cut_says_so_and_keeps_nobody_waiting_longer() -> None:
    town = Busy(KEPT_OPEN, refuses="3 are left, they end with the slot")
    assert ended(town).outcome is Outcome.ROLLED_BACK
    assert town.now.tries[CUT].attempts == 1
    assert town.now.since - town.now.turned_at < 15.0


def test_a_router_without_any_such_thing_keeps_nobody_waiting_either() -> None:
    town = Busy(KEPT_OPEN)
    town.world = replace(town.world, sites={"web/lb1": replace(town.world.sites["web/lb1"], cutter=None)})
    assert ended(town).outcome is Outcome.ROLLED_BACK
    assert "end with the slot" in town.now.tries[CUT].why


def test_a_process_that_is_told_to_stop_waits_for_no_connection() -> None:
    town = Busy(KEPT_OPEN)
    town.open(replace(PLAN, cut_after=10.0))
    town.turn_until(lambda r: r.step == 0 and "web/lb1" in r.seen)
    town.ask("signal")
    assert town.end().outcome is Outcome.ROLLED_BACK
    assert town.cuts == []
    assert town.now.since - town.now.turned_at < 3.0


def test_a_good_release_cuts_nobody() -> None:
    town = Busy(KEPT_OPEN)
    town.errors = 0.0
    assert ended(town).outcome is Outcome.PROMOTED
    assert town.cuts == []
    assert OLD.id not in town.now.cut
