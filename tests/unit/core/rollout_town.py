"""The smallest world that a release needs: one host, one router, one process on fakes, and users; and what their stories share."""

from collections.abc import Callable
from typing import Any

from releaser.core import events as e
from releaser.core.plan import Plan, Step
from releaser.core.rollout import Rollout
from releaser.core.values import Counts, Reading, Release, Slot
from releaser.engine.loop import Loop
from releaser.engine.messages import Person
from releaser.engine.recorder import Recorder
from releaser.onhost.clock import Now
from releaser.ports import World
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
from releaser.testing.samples import NEW, OLD, promotion

__all__ = ["BACK", "NEW", "OLD", "OPENING", "PLAN", "Town"]

PLAN = promotion(Step(50, eps=0.2), Step(100, eps=0.2), bake=5.0)


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
