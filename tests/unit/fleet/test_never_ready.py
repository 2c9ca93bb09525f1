"""A host that starts the release and never becomes ready: left out where the fleet allows it, else the way back."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from rollout_town import NEW, OLD, OPENING, PLAN, Town

from releaser.core import events as e
from releaser.core.absent import Allowed, Missing
from releaser.core.commands import CheckHealth
from releaser.core.plan import Plan
from releaser.core.rollout import Phase
from releaser.core.values import Outcome, Reading, Release
from releaser.core.watch import Watch
from releaser.errors import UnreachableError
from releaser.testing.fakes import DirectLine, FakeHost, FakeProbe, FakeTarget

T = TypeVar("T")
LIMIT = PLAN.health.ready_within


class Cut(DirectLine):
    """Orders do not arrive; users' requests and probes do."""

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        if call == "stop":
            raise UnreachableError("no route to host")
        return super().carry(call, act, within)


class Fleet(Town):
    """Three hosts; `sick` ones answer 503 for the new release, `slow` ones until that many seconds after the start."""

    def __init__(self, *sick: str, slow: float = 0.0, cut: str = "") -> None:
        super().__init__()
        self.sick, self.slow, self.begun = sick, slow, self.clock.at
        self.hosts = {"app1": self.host, **{name: FakeHost(name, self.clock.now) for name in ("app2", "app3")}}
        for name in ("app2", "app3"):
            self.hosts[name].serve(OLD, "blue")
        lines = {cut: Cut()} if cut else {}
        targets = {"web": FakeTarget(self.hosts, lines)}
        self.world = replace(self.world, targets=targets, probes={"web": FakeProbe(self.hosts, self.health)})

    def health(self, host: FakeHost, release: Release) -> Reading:
        if release.id != NEW.id or host.name not in self.sick:
            return Reading(True, "", release.version)
        well = bool(self.slow) and self.clock.at > self.begun + self.slow
        return Reading(True, "", release.version) if well else Reading(False, "status 503")

    def runs(self, host: str) -> bool:
        run = self.hosts[host].slots.get("green")
        return run is not None and run.alive(self.clock.at) and run.stop_at is None


def allowing(failed: int, unreachable: int = 0) -> Plan:
    return replace(PLAN, allowed=Allowed(failed, unreachable))


def test_within_the_allowance_it_is_stopped_there_and_the_others_go_on() -> None:
    town = Fleet("app2")
    town.open(allowing(1))
    r = town.turn_until(lambda now: now.phase is Phase.WATCHING)
    assert town.story() == [*OPENING[:4], "LeftOut", *OPENING[4:]]
    (missing,) = r.missing["web"]
    assert (missing.host, missing.how) == ("app2", "failed")
    assert missing.why == f"not ready within {LIMIT:g} s: status 503; it printed nothing"
    assert [town.runs(name) for name in town.hosts] == [True, False, True]
    assert r.away("web/lb1") == {NEW.id: frozenset({"app2"})}
    end = town.end()
    assert end.outcome is Outcome.PROMOTED
    assert "but on app2" in (end.finished.why if end.finished else "")


def test_beyond_the_allowance_all_goes_back_and_the_host_is_named() -> None:
    town = Fleet("app2", "app3")
    town.open(allowing(1))
    r = town.end()
    assert r.outcome is Outcome.ROLLED_BACK
    why = r.turned.why if r.turned else ""
    assert why.startswith("2 hosts of one wave failed, 1 may: app2, app3 (failed: not ready within 60 s: status 503;")
    assert not any(town.runs(name) for name in town.hosts)


def test_a_target_needs_one_host_whatever_is_allowed() -> None:
    town = Fleet("app1", "app2", "app3")
    town.open(allowing(3))
    r = town.end()
    assert (r.outcome, r.touched) == (Outcome.ROLLED_BACK, frozenset())
    assert f"{NEW.id} became ready on no host of web: app1, app2, app3 (failed: " in (r.turned.why if r.turned else "")


def test_one_that_needs_nearly_all_of_its_time_is_waited_for() -> None:
    town = Fleet("app2", slow=LIMIT - 5)
    town.open(allowing(1))
    r = town.turn_until(lambda now: now.phase is Phase.WATCHING)
    assert (r.missing, town.runs("app2")) == ({}, True)


def test_one_that_is_out_of_reach_by_then_counts_as_that() -> None:
    town = Fleet("app2", cut="app2")
    town.open(allowing(failed=0, unreachable=1))
    (missing,) = town.turn_until(lambda now: now.phase is Phase.WATCHING).missing["web"]
    assert (missing.how, "no route to host" in missing.why) == ("unreachable", True)


def test_who_takes_turns_in_failing_is_to_blame_and_who_could_not_be_asked_is_not() -> None:
    watch, question = Watch(PLAN), CheckHealth("web", NEW.id)

    def read(*unwell: Missing) -> None:
        reading = Reading(not unwell, unwell=unwell)
        watch.observe(question, e.HealthRead("web", NEW.id, reading), 0.0)

    one, other = (Missing(name, "failed", "503") for name in ("app1", "app2"))
    for unwell in (one, other, one, other):
        read(unwell)
    assert watch.passes("web", NEW.id) == 0
    assert watch.unwell("web", NEW.id, 3) == (one, other)
    assert watch.passes("web", NEW.id, {"app1", "app2"}) == 4
    read()
    read()
    assert watch.unwell("web", NEW.id, 3) == (other,)
    assert watch.passes("web", NEW.id, {"app2"}) == 3
    read(Missing("app3", "unknown", "no name"))
    assert watch.unwell("web", NEW.id, 3) == ()


@pytest.mark.parametrize("readings", [0, 2])
def test_too_few_readings_say_nothing(readings: int) -> None:
    watch = Watch(PLAN)
    for _ in range(readings):
        reading = Reading(False, unwell=(Missing("app1", "failed", "503"),))
        watch.observe(CheckHealth("web", NEW.id), e.HealthRead("web", NEW.id, reading), 0.0)
    assert watch.unwell("web", NEW.id, 3) == ()
