"""One simulated release from its plan to the end of its world: what befalls it, what people do, and whether all is well.

A seed decides it all.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from releaser.core import events as e
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Outcome
from releaser.engine.threads import POOL
from releaser.testing.faults import AT_TIMES, Fault, script
from releaser.testing.invariants import Invariants, Violation
from releaser.testing.invariants_journal import check_frozen_plan, check_replay
from releaser.testing.sim_acts import ACTS
from releaser.testing.sim_neighbour import Neighbour
from releaser.testing.sim_people import People, Troubles
from releaser.testing.sim_plans import NEW, NEWER, OLD, STABLE
from releaser.testing.sim_process import Process
from releaser.testing.sim_setting import Result, Setting
from releaser.testing.sim_time import GRID, Timeline, on_grid
from releaser.testing.sim_work import Work
from releaser.testing.sim_world import PRODUCTION, SimWorld

__all__ = ["Canary", "Result", "Scenario", "Setting", "play"]

HORIZON = 3 * 86400.0
RESTARTS = 3
REPLAYED = 8
"""Every so manieth seed's journals are written, read and folded again."""
LOCAL = frozenset(AT_TIMES) - {
    "crash",
    "stopped",
    "loop_hangs",
    "journal_full",
    "journal_locked",
    "crash_again",
    "signal",
}
"""Faults of one environment, not of the process that releases to several."""


def play(
    seed: int, faults: Sequence[Fault] | None = None, *, traced: bool = False, kind: "type[Scenario] | None" = None
) -> Result:
    """The whole story of a seed; with `faults`, the same story under another script, with `kind` under another checker."""
    scenario = (kind or Scenario)(seed, faults, traced=traced)
    try:
        scenario.run()
    except Violation as violation:
        scenario.result.violation = violation
        scenario.say("VIOLATION", str(violation))
    return scenario.result


class Scenario(Invariants):
    """The watcher that also acts: it lets faults happen, restarts what died, and says what people do next."""

    def __init__(self, seed: int, faults: Sequence[Fault] | None, *, traced: bool) -> None:
        super().__init__()
        draws, self.chance = Random(seed), Random(f"{seed} world")
        self.setting = self.draw(draws)
        drawn = script(draws)
        self.faults = tuple(drawn if faults is None else faults)
        self.result = Result(seed, self.setting, self.faults)
        self.traced = traced
        self.timeline = Timeline()
        self.world = SimWorld(PRODUCTION, self.timeline, self.chance, self, {NEW.id: self.setting.quality})
        if self.setting.shape != "first":
            self.world.serve(STABLE, "blue", (OLD.id,))
        self.by_phase = [fault for fault in self.faults if fault.when[0] == "phase"]
        self.phase: dict[str, Phase] = {}
        self.restarts = 0
        self.sequel_done = self.setting.sequel == "nothing"
        spares = draws.random() < 0.2 and all(fault.kind in LOCAL for fault in self.faults)
        self.neighbour = Neighbour(self.timeline, Random(f"{seed} neighbour")) if spares else None
        self.people = People(self.world, self.chance, self, pool=1 if draws.random() < 0.1 else POOL)
        self.people.aside = self._aside
        early = not self.neighbour and any(fault.kind == "rival_promote" for fault in self.faults)
        self.early = self.people.plan("b", NEWER, "canary") if early and draws.random() < 0.5 else None
        """What a rival planned before the first release began."""

    def draw(self, chance: Random) -> Setting:
        return Setting.drawn(chance)

    def run(self) -> None:
        for fault in self.faults:
            if fault.when[0] == "at":
                self.timeline.at(float(fault.when[1]) + fault.after, self._befall, fault)
        process = self.people.promote("a", NEW, self.setting.shape, troubles=self._points())
        if self.neighbour and process:
            self.neighbour.promote(process)
        if not self.timeline.run(HORIZON):
            raise Violation(13, "something spins: it acts without time passing")
        self.world.pass_()
        self._check_all_ended()
        if self.neighbour and self.people.pool == POOL:  # two that share one thread wait for each other
            self.neighbour.check_untouched()

    def say(self, who: str, what: object) -> None:
        if self.traced:
            self.result.trace.append(f"{self.timeline.now:10.4f} {who:14} {what}")

    # what befalls them

    def _points(self, whose: str = "") -> Troubles:
        """What goes wrong at which effect or write: of the first process, or of "their", who come after it or between."""
        points: dict[tuple[str, int], str] = {}
        for fault in self.faults:
            when, number = fault.when
            if fault.kind != "crash_again" and when in {f"{whose}effect", f"{whose}write"}:
                points[(str(when).removeprefix(whose), int(number))] = fault.kind
        return points

    def _befall(self, fault: Fault) -> None:
        self.say("FAULT", fault)
        self.result.happened.add(fault.kind)
        ACTS[fault.kind](self, fault)

    def _aside(self, trouble: str) -> None:
        """Somebody else acts in the middle of a call: the rival of `rival_in_between`."""
        self.say("FAULT", trouble)
        self.result.happened.add(trouble)
        self.timeline.after(0.0, self._roll_back, "c")

    def rival(self, kind: str) -> None:
        if kind == "rollback":
            self._roll_back("b")
        else:
            self.people.promote("b", NEWER, "canary", plan=self.early, troubles=self._points("their "))

    def _roll_back(self, machine: str, to: str | None = None) -> None:
        self.people.roll_back(machine, to, troubles=self._points("their "))

    # what they do then

    def _recover(self, name: str, finish: bool) -> None:
        again = [fault for fault in self.faults if fault.kind == "crash_again"] if self.restarts <= RESTARTS else []
        troubles = {(str(fault.when[0]), int(fault.when[1])): "crash_before" for fault in again}
        self.people.recover(name, finish=finish, troubles=troubles)

    def granted(self, rollout: str, verb: str) -> None:
        if verb in {"abort", "rollback", "signal"} and rollout in self.books:
            self.books[rollout].granted_abort = True

    def over(self, rollout: str, outcome: Outcome | None) -> None:
        if outcome is not None:
            self.books[rollout].outcome = outcome
        self._gone(rollout)

    def _gone(self, name: str) -> None:
        self.people.rollouts.pop(name, None)
        if self.people.rollouts or self.sequel_done:
            return
        self.sequel_done = True
        match self.setting.sequel:
            case "rollback soon":
                self.timeline.after(600.0, self._roll_back, "d")
            case "rollback late":
                self.timeline.after(90000.0, self._roll_back, "d")
            case "rollback to it":
                self.timeline.after(600.0, self._roll_back, "d")
                self.timeline.after(1200.0, self._roll_back, "e", NEW.id)
            case "promote again":
                self.timeline.after(400.0, self._promote_again)

    def _promote_again(self) -> None:
        self.people.promote("d", NEWER, "canary", troubles=self._points("their "))

    def _check_all_ended(self) -> None:
        for name, process in self.people.rollouts.items():
            state = "dead" if process.dead else "alive"
            raise Violation(22, f"{name} has no end; the last process that drove it is {state}")
        for name, site in self.world.sites.items():
            if site.switches:
                raise Violation(16, f"{name} is still armed at the end of the world")
        if self.people.unanswered > 0 and not any(process.dead for process in self.people.processes):
            raise Violation(19, f"{self.people.unanswered} requests got no answer")

    # the watcher's side

    def calls(self, process: Process, call: str, host: str, work: Work) -> None:
        if work.rollout is None or work.rollout.plan.environment == PRODUCTION:
            super().calls(process, call, host, work)

    def wrote(self, process: Process, entry: e.Entry, rollout: Rollout) -> None:
        if rollout.plan.environment != PRODUCTION:
            if self.neighbour:
                self.neighbour.wrote(process, entry, rollout)
            return
        if self.traced:
            self.say(process.name, f"{rollout.id} {rollout.phase}: {entry.event}")
        super().wrote(process, entry, rollout)
        if self.phase.get(rollout.id) is not rollout.phase:
            self.phase[rollout.id] = rollout.phase
            self.result.phases.add(rollout.phase.value)
            for fault in [one for one in self.by_phase if one.when[1] == rollout.phase.value]:
                self.by_phase.remove(fault)
                self.timeline.after(fault.after, self._befall, fault)
        if isinstance(entry.event, e.ApprovalAsked) and self.chance.random() < 0.7:
            self.timeline.after(on_grid(self.chance, 1.0, 300.0), self.people.ask, "approve")
        elif isinstance(entry.event, e.Held):
            verb = self.chance.choice(("abort", "rollback", "resume", "advance", "nothing"))
            if verb != "nothing":
                self.timeline.after(on_grid(self.chance, 1.0, 300.0), self.people.ask, verb)

    def troubled(self, process: Process, trouble: str) -> None:
        self.say("FAULT", f"{process.name}: {trouble}")
        kind = trouble
        if trouble.startswith("crash"):
            kind = "crash_again" if self.restarts else trouble
            at_write = any(f.when[0] == "write" and f.kind == trouble for f in self.faults)
            if at_write and not self.restarts:
                self.result.happened.add("crash_at_write")
        self.result.happened.add(kind)

    def died(self, process: Process) -> None:
        self.say(process.name, "killed")
        self.hindered()
        for name, driver in list(self.people.rollouts.items()):
            if driver is not process:
                continue
            self.restarts += 1
            if name in self.books:
                self.books[name].deserted |= self.books[name].turned is not None
            wait = on_grid(self.chance, GRID, 10.0) if self.chance.random() < 0.5 else on_grid(self.chance, 10.0, 300.0)
            self.timeline.after(wait, self._recover, name, self.chance.random() < 0.3)

    def ended(self, process: Process, rollout: Rollout) -> None:
        if rollout.plan.environment != PRODUCTION:
            return
        if self.result.seed % REPLAYED == 0:
            check_replay(process.read(rollout.id), rollout)
        check_frozen_plan(self.books[rollout.id], rollout)
        outcome = rollout.outcome
        self.result.outcomes.append(str(outcome))
        turned = rollout.turned
        if turned and turned.cause == "judge" and self.setting.quality.sound and not self.excused:
            self.result.mistaken = rollout.plan.to == NEW and rollout.plan.kind == "promote"
        self._gone(rollout.id)


class Canary(Scenario):
    """One release by the shipped canary under at least one fault, and nothing after it: what the speed is stated for."""

    def draw(self, chance: Random) -> Setting:
        return replace(Setting.drawn(chance), shape="canary", sequel="nothing")
