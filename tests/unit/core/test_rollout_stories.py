"""How a rollout tells its story: the exact sequence of events of each kind of release, driven by the real loop over fakes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from releaser.core import events as e
from releaser.core.commands import Look
from releaser.core.decide import decide
from releaser.core.fold import replay
from releaser.core.plan import Approval, Plan, RouterRef, Step, TargetRef
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Counts, Moment, Outcome, Reading, Release, Slot, Split
from releaser.engine.loop import Loop
from releaser.engine.messages import Person
from releaser.engine.recorder import Recorder
from releaser.engine.recover import resume, take_over
from releaser.onhost.clock import Now
from releaser.ports import Claim, World
from releaser.testing.fakes import (
    DirectLine,
    FakeClock,
    FakeHost,
    FakeMailbox,
    FakeProbe,
    FakeSite,
    FakeTarget,
    InlineExecutor,
    MemoryJournal,
    one_by_one,
    site_ports,
)

OLD = Release.of("1.4.1", "a" * 64, "c" * 64)
NEW = Release.of("1.4.2", "b" * 64, "c" * 64)
PLAN = Plan(
    kind="promote",
    environment="production",
    to=NEW,
    origin=OLD.id,
    binding=(("blue", OLD.id), ("green", NEW.id)),
    targets=(TargetRef("web"),),
    routers=(RouterRef("web/lb1", "web"),),
    steps=(Step(50, eps=0.2), Step(100, eps=0.2)),
    before=Split.all_to(OLD.id),
    bake=5.0,
)


class Town:
    """One host, one router, one process, and users who come a hundred times a second."""

    def __init__(self, *, errors: float = 0.0, healthy: bool = True, first: bool = False) -> None:
        self.clock = FakeClock()
        self.errors, self.healthy = errors, healthy
        self.served: dict[str, int] = {OLD.id: 0, NEW.id: 0}
        self.counted_at = self.clock.at
        self.host = FakeHost("app1", self.clock.now)
        self.site = FakeSite("lb1", lambda: Now(self.clock.at, "router-boot"), self.count)
        if not first:
            self.host.serve(OLD, "blue")
            self.site.serve(OLD, "blue")
        self.journal = MemoryJournal()
        target = FakeTarget({"app1": self.host})
        probe = FakeProbe({"app1": self.host}, self.health)
        sites = {"web/lb1": site_ports(self.site, DirectLine())}
        self.world = World({"web": target}, {"web": probe}, sites, "ada@laptop", one_by_one, self.journal.head)
        self.replies: list[tuple[str, bool]] = []
        self.restart()

    def restart(self) -> None:
        self.executor, self.mailbox = InlineExecutor(), FakeMailbox(self.clock)
        self.loop = Loop(Recorder(self.journal), self.executor, self.clock, self.mailbox)

    def count(self) -> dict[str, Counts]:
        seconds, self.counted_at = self.clock.at - self.counted_at, self.clock.at
        for release, weight in self.site.split.weights if self.site.split else ():
            self.served[release] += int(seconds * weight)
        bad = int(self.served[NEW.id] * self.errors)
        return {OLD.id: Counts(self.served[OLD.id]), NEW.id: Counts(self.served[NEW.id], bad)}

    def health(self, host: FakeHost, release: Release) -> Reading:
        return Reading(self.healthy, "" if self.healthy else "status 503", release.version)

    def open(self, plan: Plan = PLAN) -> None:
        self.loop.open("r1", e.Opened(plan, "ada"), self.world)

    def ask(self, verb: Any, **fields: Any) -> None:
        asked = e.Asked(verb, "bo", fields.pop("reason", "because"), **fields)
        self.mailbox.put(Person("r1", asked, f"ask-{len(self.replies)}", lambda *said: self.replies.append(said)))

    @property
    def now(self) -> Rollout:
        return self.loop.driven["r1"].rollout if "r1" in self.loop.driven else self.loop.finished["r1"]

    def turn_until(self, done: Callable[[Rollout], bool]) -> Rollout:
        for _ in range(2000):
            if done(self.now):
                return self.now
            self.loop.turn()
            self.executor.tick()
            self.site.guard()
        raise AssertionError(f"still {self.now.phase}")

    def end(self) -> Rollout:
        return self.turn_until(lambda r: r.finished is not None)

    def stops(self, slot: Slot) -> bool:
        """Whether the slot will end by itself."""
        return self.host.slots[slot].stop_at is not None

    def story(self, start: int = 0) -> list[str]:
        """The names of the events, repeats of the judge's figures and intents left out."""
        quiet = (e.Judged, e.Issued)
        return [type(x.event).__name__ for x in self.journal.read("r1")[start:] if not isinstance(x.event, quiet)]


OPENING = ["Opened", "Acquired", "Placed", "Started", "Ready", "Rehearsed", "Armed", "Passed", "StepBegun", "Shifted"]
BACK = ["TurnedBack", "Shifted", "Settled", "Stopped", "Finished"]


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
    assert town.story() == ["Opened", "Acquired", "Placed", "Started", "TurnedBack", "Settled", "Stopped", "Finished"]
    assert "was not ready" in r.finished.why if r.finished else False
    assert town.site.generation == 1


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


def test_the_first_release_is_one_shift_and_has_no_way_back() -> None:
    first = replace(PLAN, origin=None, before=None, binding=(("blue", NEW.id),), steps=(Step(100),))
    town = Town(first=True)
    town.open(first)
    assert town.end().outcome is Outcome.PROMOTED
    assert "Rehearsed" not in town.story()
    bad = Town(first=True)
    bad.open(first)
    bad.turn_until(lambda r: r.phase is Phase.BAKING)
    bad.ask("abort")
    assert bad.end().outcome is Outcome.INCOMPLETE


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
    assert recover(town).outcome is Outcome.INCOMPLETE
    assert (town.site.split, town.site.ledger["current"]) == (Split.all_to(NEW.id), NEW.id)


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


def test_a_plan_that_brings_a_release_in_its_own_place_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="brings nothing"):
        replace(PLAN, kind="rollback", origin=NEW.id)
