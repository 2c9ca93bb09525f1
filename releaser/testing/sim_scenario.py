"""One simulated release from its plan to the end of its world: who does what, and what befalls them. A seed decides it all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Literal

from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Outcome, Split
from releaser.engine.messages import Person
from releaser.engine.observe import observe
from releaser.engine.recover import resume, take_over
from releaser.errors import RefusedError
from releaser.ports import Frozen, Request
from releaser.testing.faults import AT_TIMES, Fault, script
from releaser.testing.invariants import Invariants, Violation
from releaser.testing.invariants_journal import check_frozen_plan, check_replay
from releaser.testing.sim_plans import NEW, NEWER, OLD, STABLE, promotion, way_back
from releaser.testing.sim_process import Network, Process, SimJournal, Work
from releaser.testing.sim_time import GRID, Timeline, on_grid
from releaser.testing.sim_world import FAULTLESS, PRODUCTION, QUALITIES, Quality, SimWorld

__all__ = ["Result", "Scenario", "Setting", "play"]

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

Shape = Literal["canary", "long", "approval", "approval or hold", "hold", "fine", "probes", "first"]
Sequel = Literal["nothing", "rollback soon", "rollback late", "rollback to it", "promote again"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is given besides the faults."""

    quality: Quality
    shape: Shape
    sequel: Sequel

    @classmethod
    def drawn(cls, chance: Random) -> "Setting":
        quality = QUALITIES[0] if chance.random() < 0.5 else chance.choice(QUALITIES)
        shapes: tuple[Shape, ...] = ("long", "approval", "approval or hold", "hold", "fine", "probes", "first")
        shape: Shape = "canary" if chance.random() < 0.6 else chance.choice(shapes)
        sequels: tuple[Sequel, ...] = ("rollback soon", "rollback late", "rollback to it", "promote again")
        sequel: Sequel = "nothing" if chance.random() < 0.7 else chance.choice(sequels)
        return cls(quality, shape, sequel)


@dataclass(slots=True)
class Result:
    """What came of one seed."""

    seed: int
    setting: Setting
    faults: tuple[Fault, ...]
    outcomes: list[str] = field(default_factory=list)
    phases: set[str] = field(default_factory=set)
    happened: set[str] = field(default_factory=set)
    """Kinds of faults that really took place."""
    violation: Violation | None = None
    trace: list[str] = field(default_factory=list)
    mistaken: bool = False
    """A sound candidate was taken back by the judge."""


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
    """The watcher that also acts: it makes faults happen, restarts what died, and is the people."""

    def __init__(self, seed: int, faults: Sequence[Fault] | None, *, traced: bool) -> None:
        super().__init__()
        draws, self.chance = Random(seed), Random(f"{seed} world")
        self.setting = Setting.drawn(draws)
        drawn = script(draws)
        self.faults = tuple(drawn if faults is None else faults)
        self.result = Result(seed, self.setting, self.faults)
        self.traced = traced
        self.timeline = Timeline()
        self.network = Network()
        self.journals: dict[str, SimJournal] = {}
        self.world = SimWorld(PRODUCTION, self.timeline, self.chance, self, {NEW.id: self.setting.quality})
        if self.setting.shape != "first":
            self.world.serve(STABLE, "blue", (OLD.id,))
        self.processes: list[Process] = []
        self.rollouts: dict[str, Process] = {}
        """Open rollout -> the process that drives it, or did so last."""
        self.by_phase = [fault for fault in self.faults if fault.when[0] == "phase"]
        self.phase: dict[str, Phase] = {}
        self.restarts = 0
        self.asked = self.unanswered_people = 0
        self.sequel_done = self.setting.sequel == "nothing"
        self.neighbour = (
            Neighbour(self.timeline, Random(f"{seed} neighbour")) if self._spares_neighbours(draws) else None
        )

    def run(self) -> None:
        for fault in self.faults:
            if fault.when[0] == "at":
                self.timeline.at(float(fault.when[1]) + fault.after, partial(self._befall, fault))
        process = self._promote("a", NEW, self.setting.shape, self._points())
        if self.neighbour and process:
            self.neighbour.promote(process)
        if not self.timeline.run(HORIZON):
            raise Violation(13, "something spins: it acts without time passing")
        self.world.pass_()
        self._check_all_ended()
        if self.neighbour:
            self.neighbour.check_untouched()

    def _spares_neighbours(self, draws: Random) -> bool:
        return draws.random() < 0.2 and all(fault.kind in LOCAL for fault in self.faults)

    def say(self, who: str, what: object) -> None:
        if self.traced:
            self.result.trace.append(f"{self.timeline.now:10.4f} {who:14} {what}")

    # people who release

    def _points(self) -> dict[tuple[str, int], str]:
        return {(str(f.when[0]), int(f.when[1])): f.kind for f in self.faults if f.when[0] in {"effect", "write"} and f.kind != "crash_again"}  # fmt: skip

    def _process(self, machine: str, journal: str) -> Process:
        kept = self.journals.setdefault(journal, SimJournal(journal, self.timeline))
        process = Process(machine, self.timeline, self.chance, self.network, kept, self)
        process.aside = self._aside
        self.processes.append(process)
        return process

    def _open(self, process: Process, plan: Plan, name: str) -> None:
        ports = self.world.ports(process, f"somebody@{process.name}")
        self.rollouts[name] = process
        process.begin(partial(process.loop.open, name, e.Opened(plan, process.name), ports))

    def _promote(self, machine: str, release: Any, shape: str, troubles: dict[tuple[str, int], str]) -> Process | None:
        process = self._process(machine, machine)
        ports = self.world.ports(process, f"somebody@{machine}")
        plan = promotion(observe(ports).seen(dict.fromkeys(ports.sites, 1)), release, shape)
        if plan is None:
            self.say(machine, "promote was refused at plan time")
            return None
        process.troubles = troubles
        self._open(process, plan, f"{release.version}.{machine}{len(self.rollouts)}")
        return process

    def _roll_back(self, machine: str, to: str | None = None) -> None:
        """`releaser rollback [--to]` from a machine that has no journal of what runs."""
        process = self._process(machine, machine)
        ports = self.world.ports(process, f"somebody@{machine}")
        observed = observe(ports)
        running = observed.running() if observed.slots else None
        plan = way_back(observed.seen(dict.fromkeys(ports.sites, 1)), running, to=to)
        if plan is None:
            self.say(machine, "rollback: nothing to go back to")
            return
        self._open(process, plan, f"back.{machine}{len(self.rollouts)}")

    def _recover(self, name: str, finish: bool) -> None:
        """`releaser recover` on the machine whose process died."""
        dead = self.rollouts[name]
        if self.timeline.now < dead.journal.full_until:
            self.timeline.after(5.0, partial(self._recover, name, finish))
            return
        process = self._process(dead.name, dead.journal.id)
        process.boot = dead.boot if self.chance.random() < 0.7 else f"{dead.boot}+"
        process.offset = dead.offset if process.boot == dead.boot else dead.offset - 4000.0
        if self.restarts <= RESTARTS:
            process.troubles = {(str(f.when[0]), int(f.when[1])): "crash_before" for f in self._left("crash_again")}
        for entry in dead.spool.entries:
            process.journal.restore(entry)
        try:
            state = take_over(process, name)
        except RefusedError as refused:
            self.say(dead.name, f"recover: {refused}")
            last = process.read(name)[-1:]
            if last and isinstance(last[0].event, e.Finished):
                self.books[name].outcome = last[0].event.outcome
            self._gone(name)
            return
        self.rollouts[name] = process
        ports = self.world.ports(process, f"somebody@{dead.name}")
        process.begin(
            partial(resume, process.loop, state, ports, process, by="grace", finish=finish, reason="it looked fine")
        )

    def _left(self, kind: str) -> list[Fault]:
        return [fault for fault in self.faults if fault.kind == kind]

    def _ask(self, verb: str, **fields: Any) -> None:
        for name, process in list(self.rollouts.items()):
            if process.dead:
                continue
            asked = e.Asked(verb, "bo", fields.pop("reason", "because"), **fields)  # type: ignore[arg-type]  # verbs of events.Verb
            self.unanswered_people += 1
            self.asked += 1
            process.hear(Person(name, asked, f"ask-{self.asked}", partial(self._answered, name, verb)))
            return

    def _answered(self, name: str, verb: str, sentence: str, granted: bool) -> None:
        self.unanswered_people -= 1
        self.say("bo", f"{verb} {name}: {'granted' if granted else 'refused'}: {sentence}")
        if granted and verb in {"abort", "rollback", "signal"} and name in self.books:
            self.books[name].granted_abort = True

    # what befalls them

    def _befall(self, fault: Fault) -> None:
        self.say("FAULT", fault)
        self.result.happened.add(fault.kind)
        ACTS[fault.kind](self, fault)

    def _aside(self, trouble: str) -> None:
        """Somebody else acts in the middle of a call: the rival of `rival_in_between`."""
        self.say("FAULT", trouble)
        self.result.happened.add(trouble)
        self.timeline.after(0.0, partial(self._roll_back, "c"))

    def kill(self) -> None:
        alive = self._driving()
        if alive:
            self.chance.choice(alive).die()

    def stop(self, seconds: float) -> None:
        self.hindered()
        alive = self._driving()
        if alive:
            self.chance.choice(alive).stop_for(seconds)

    def hang(self, seconds: float) -> None:
        self.hindered()
        for process in self._driving():
            process.hung = self.timeline.now + seconds

    def _driving(self) -> list[Process]:
        return [process for process in self.processes if not process.dead and process.loop.driven]

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
                self.timeline.after(fault.after, partial(self._befall, fault))
        if isinstance(entry.event, e.ApprovalAsked) and self.chance.random() < 0.7:
            self.timeline.after(on_grid(self.chance, 1.0, 300.0), partial(self._ask, "approve"))
        elif isinstance(entry.event, e.Held):
            verb = self.chance.choice(("abort", "rollback", "resume", "advance", "nothing"))
            if verb != "nothing":
                self.timeline.after(on_grid(self.chance, 1.0, 300.0), partial(self._ask, verb))

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
        for name, driver in list(self.rollouts.items()):
            if driver is not process:
                continue
            self.restarts += 1
            wait = on_grid(self.chance, GRID, 10.0) if self.chance.random() < 0.5 else on_grid(self.chance, 10.0, 300.0)
            self.timeline.after(wait, partial(self._recover, name, self.chance.random() < 0.3))

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

    def _gone(self, name: str) -> None:
        self.rollouts.pop(name, None)
        if not self.rollouts and not self.sequel_done:
            self.sequel_done = True
            match self.setting.sequel:
                case "rollback soon":
                    self.timeline.after(600.0, partial(self._roll_back, "d"))
                case "rollback late":
                    self.timeline.after(90000.0, partial(self._roll_back, "d"))
                case "rollback to it":
                    self.timeline.after(600.0, partial(self._roll_back, "d"))
                    self.timeline.after(1200.0, partial(self._roll_back, "e", NEW.id))
                case "promote again":
                    self.timeline.after(400.0, partial(self._promote, "d", NEWER, "canary", {}))

    def _check_all_ended(self) -> None:
        if self.rollouts:
            name, process = next(iter(self.rollouts.items()))
            raise Violation(
                22, f"{name} has no end; the last process that drove it is {'dead' if process.dead else 'alive'}"
            )
        for name, site in self.world.sites.items():
            if site.switches:
                raise Violation(16, f"{name} is still armed at the end of the world")
        if self.unanswered_people > 0 and not any(process.dead for process in self.processes):
            raise Violation(19, f"{self.unanswered_people} requests got no answer")


class Neighbour(Invariants):
    """Another environment that the same process releases to, and that nothing befalls, not even a judge's mistake."""

    def __init__(self, timeline: Timeline, chance: Random) -> None:
        super().__init__()
        self.world = SimWorld("staging", timeline, chance, self, dict.fromkeys((OLD.id, STABLE.id, NEW.id), FAULTLESS))
        self.world.serve(STABLE, "blue", (OLD.id,))
        self.name = f"{NEW.version}.staging"

    def promote(self, process: Process) -> None:
        ports = self.world.ports(process, f"somebody@{process.name}")
        plan = promotion(observe(ports).seen(dict.fromkeys(ports.sites, 1)), NEW, "canary", "staging")
        if plan is not None:
            process.begin(partial(process.loop.open, self.name, e.Opened(plan, process.name), ports))

    def check_untouched(self) -> None:
        outcome = self.books[self.name].outcome if self.name in self.books else None
        if outcome is not Outcome.PROMOTED:
            raise Violation(20, f"nothing befell staging, and its release is {outcome or 'not over'}")


def _cut(s: Scenario, fault: Fault, machine: str) -> None:
    s.network.cut[(machine, fault.where)] = s.timeline.now + fault.seconds
    s.away.add(fault.where)
    s.hindered()


def _slow(s: Scenario, fault: Fault) -> None:
    s.away.add(fault.where)
    s.network.slow[fault.where] = (s.timeline.now + 60.0, fault.seconds)
    s.hindered()


def _reboot(s: Scenario, fault: Fault) -> None:
    s.unguarded.add(fault.where)
    s.disturbed.add(fault.where)
    s.network.cut[("", fault.where)] = s.timeline.now + fault.seconds
    s.world.reboot(fault.where, fault.seconds)


def _guard_dies(s: Scenario, fault: Fault) -> None:
    s.unguarded.add(fault.where)
    s.world.kill_guard(fault.where, fault.seconds)


def _process_dies(s: Scenario, fault: Fault, release: str) -> None:
    s.excused.add(release)
    s.world.crash_process(fault.where, release, fault.seconds)


def _jump(s: Scenario, fault: Fault) -> None:
    for process in s.processes:
        process.wall += fault.seconds


def _journal(s: Scenario, fault: Fault, *, locked: bool) -> None:
    for journal in s.journals.values():
        journal.full_until, journal.locked = s.timeline.now + fault.seconds, locked
    s.hindered()


def _counters_missing(s: Scenario, fault: Fault) -> None:
    s.world.users[fault.where].missing_until = s.timeline.now + fault.seconds


def _meddle(s: Scenario, fault: Fault) -> None:
    s.world.sites[fault.where].meddle(Split.of({STABLE.id: 90, NEW.id: 10}))


def _overtaken(s: Scenario, fault: Fault) -> None:
    """Between the plan and its first effect somebody freezes the environment, changes a router, or is quicker."""
    match s.chance.choice(("freezes", "meddles", "is quicker")):
        case "freezes":
            for site in s.world.sites.values():
                site.edit({"freeze": Frozen("eve", "a quiet night", 3600.0)})
        case "meddles":
            _meddle(s, fault)
        case _:
            s.world.sites[fault.where].ledger["fence"] += 1


def _letter(s: Scenario, fault: Fault) -> None:
    verb = s.chance.choice(("abort", "pause", "resume", "approve"))
    for site in s.world.sites.values():
        site.edit({"post": Request(f"letter-{s.timeline.now}", verb, "eve", {"reason": "from elsewhere"})})


ACTS: dict[str, Callable[[Scenario, Fault], Any]] = {
    "crash": lambda s, _: s.kill(),
    "stopped": lambda s, fault: s.stop(fault.seconds),
    "loop_hangs": lambda s, fault: s.hang(fault.seconds),
    "slow_router": _slow,
    "slow_host": _slow,
    "cut_router": lambda s, fault: _cut(s, fault, ""),
    "cut_host": lambda s, fault: _cut(s, fault, ""),
    "partition": lambda s, fault: _cut(s, fault, "a"),
    "reboot": _reboot,
    "guard_dies": _guard_dies,
    "candidate_crash": lambda s, fault: _process_dies(s, fault, NEW.id),
    "stable_crash": lambda s, fault: _process_dies(s, fault, STABLE.id),
    "clock_jump": _jump,
    "rival_rollback": lambda s, _: s._roll_back("b"),
    "rival_promote": lambda s, _: s._promote("b", NEWER, "canary", {}),
    "abort": lambda s, _: s._ask("abort"),
    "rollback": lambda s, _: s._ask("rollback", mark_bad=True),
    "signal": lambda s, _: s._ask("signal"),
    "pause": lambda s, fault: s._ask("pause", until=fault.seconds),
    "resume": lambda s, _: s._ask("resume"),
    "approve": lambda s, _: s._ask("approve"),
    "advance": lambda s, _: s._ask("advance", to=100),
    "letter": _letter,
    "journal_full": lambda s, fault: _journal(s, fault, locked=False),
    "journal_locked": lambda s, fault: _journal(s, fault, locked=True),
    "counters_reset": lambda s, fault: s.world.users[fault.where].reset(),
    "counters_missing": _counters_missing,
    "meddling": _meddle,
    "overtaken": _overtaken,
}
