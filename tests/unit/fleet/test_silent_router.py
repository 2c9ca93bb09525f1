"""A load balancer that is silent on the way back: the command ends once the others are home and its own timer has run out."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from rollout_town import NEW, OLD, PLAN, Town

from releaser.cli.answer import of_rollout
from releaser.core import events as e
from releaser.core.fold import evolve
from releaser.core.plan import Plan, RouterRef
from releaser.core.rollout import Phase, Rollout
from releaser.core.silence import only_silent_ones_left
from releaser.core.values import Counts, Outcome, Split
from releaser.errors import FailedError, UnreachableError
from releaser.onhost.clock import Now
from releaser.testing.fakes import FakeSite, site_ports

T = TypeVar("T")
PAIR = replace(PLAN, routers=(RouterRef("web/lb1", "web"), RouterRef("web/lb2", "web")))
STABLE, CANDIDATE = Split.all_to(OLD.id), Split.all_to(NEW.id)
DEADMAN = PLAN.budget.deadman


class Cable:
    """To lb2. Pulled out, nothing arrives; or it says no to one call."""

    def __init__(self) -> None:
        self.out, self.no = False, ""

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        if self.out:
            raise UnreachableError("no route to lb2")
        if call == self.no:
            raise FailedError("permission denied")
        return act()


class Pair(Town):
    """Two load balancers before one host."""

    def __init__(self) -> None:
        super().__init__()
        self.cable = Cable()
        self.other = FakeSite("lb2", lambda: Now(self.clock.at, "router-boot"), self.nobody)
        self.other.serve(OLD, "blue")
        sites = {**self.world.sites, "web/lb2": site_ports(self.other, self.cable)}
        self.world = replace(self.world, sites=sites)

    def nobody(self) -> dict[str, Counts]:
        return {OLD.id: Counts(0), NEW.id: Counts(0)}

    def turn_until(self, done: Callable[[Rollout], bool]) -> Rollout:
        def guarded(r: Rollout) -> bool:
            self.other.guard()
            return done(r)

        return super().turn_until(guarded)

    def aborted(self) -> Rollout:
        """At 50 % lb2 falls silent, and somebody aborts."""
        self.open(PAIR)
        self.turn_until(lambda r: r.phase is Phase.WATCHING)
        self.cable.out = True
        self.ask("abort")
        return self.turn_until(lambda r: r.turned is not None)


def test_an_abort_ends_once_the_silent_one_has_gone_home_alone() -> None:
    town = Pair()
    began = town.aborted().turned_at
    r = town.end()
    assert r.outcome is Outcome.INCOMPLETE
    assert DEADMAN < town.clock.at - began < 2 * DEADMAN
    assert (town.site.split, town.other.split) == (STABLE, STABLE), "by its own timer"
    assert town.site.ledger["settled"][1] == "reverted"
    why = r.finished.why if r.finished else ""
    assert why == (
        "because; web/lb2 did not answer; its own timer put it back within 30 s: "
        "`releaser recover -e production` checks it once it answers"
    )
    answer = of_rollout(r, "back", wall=0.0)
    assert (answer.exit, answer.fix[0]) == (5, "releaser recover -e production")


def test_one_that_comes_back_in_time_is_home_before_its_timer() -> None:
    town = Pair()
    began = town.aborted().turned_at
    town.turn_until(lambda r: r.seen.get("web/lb1") == STABLE)
    town.cable.out = False
    r = town.end()
    assert (r.outcome, town.other.split) == (Outcome.ROLLED_BACK, STABLE)
    assert town.clock.at - began < DEADMAN


def test_one_that_answers_at_the_last_moment_is_not_left() -> None:
    town = Pair()
    town.aborted()
    silent = town.turn_until(only_silent_ones_left)
    there = town.journal.read("r1")[-1].moment
    answered = evolve(silent, e.Entry("r1", silent.seq + 1, there, e.Acquired(silent.fence + 1, ("web/lb2",))))
    assert not only_silent_ones_left(answered)


def test_one_that_answers_no_is_not_silent_and_is_tried_on() -> None:
    town = Pair()
    town.open(PAIR)
    town.turn_until(lambda r: r.phase is Phase.WATCHING)
    town.cable.no = "shift"
    town.ask("abort")
    began = town.turn_until(lambda r: r.turned is not None).turned_at
    r = town.turn_until(lambda _: town.clock.at > began + 2 * DEADMAN)
    assert r.finished is None
    assert town.other.split == STABLE, "its timer ran out, since nobody renews what is not home"
    town.cable.no = ""
    assert town.end().outcome is Outcome.ROLLED_BACK


def back() -> Plan:
    return replace(PAIR, kind="rollback", to=OLD, origin=NEW.id, before=None)


def test_a_rollback_of_what_was_committed_says_what_the_silent_one_may_serve() -> None:
    town = Pair()
    town.open(PAIR)
    assert town.end().outcome is Outcome.PROMOTED
    town.cable.out = True
    town.restart()
    began = town.clock.at
    town.loop.open("r2", e.Opened(back(), "bo", "figures"), town.world)
    while "r2" in town.loop.driven:
        town.loop.turn()
        town.executor.tick()
    r = town.loop.finished["r2"]
    assert (r.outcome, town.site.split, town.other.split) == (Outcome.INCOMPLETE, STABLE, CANDIDATE)
    assert PLAN.budget.rollback <= town.clock.at - began < 2 * PLAN.budget.rollback
    why = r.finished.why if r.finished else ""
    assert why.startswith(f"figures; web/lb2 did not answer and may still send users to {NEW.id}: `releaser recover")
    assert "rollback" in r.alarmed
    assert town.host.slots["green"].alive(town.clock.at), "users may still be sent there"
