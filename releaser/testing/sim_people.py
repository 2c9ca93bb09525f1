"""Who releases in the simulated world? People at machines: promote, rollback, recover, and what they ask of a running release."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, Protocol

from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.values import Outcome, Release
from releaser.engine.messages import Person
from releaser.engine.observe import observe
from releaser.engine.recover import resume, take_over
from releaser.engine.threads import POOL
from releaser.errors import RefusedError
from releaser.testing.sim_journal import SimJournal
from releaser.testing.sim_network import Network
from releaser.testing.sim_plans import promotion, way_back
from releaser.testing.sim_process import Process, ProcessWatcher
from releaser.testing.sim_world import SimWorld

__all__ = ["Audience", "People", "Troubles"]

Troubles = Mapping[tuple[str, int], str]
"""("write" or "effect", how-manieth) -> what goes wrong there."""


class Audience(ProcessWatcher, Protocol):
    """Told what people did and were told."""

    def say(self, who: str, what: object) -> None: ...

    def granted(self, rollout: str, verb: str) -> None: ...

    def over(self, rollout: str, outcome: Outcome | None) -> None:
        """A recovery found that it had ended before."""


class People:
    """Everybody who releases to one environment, with their machines and journals."""

    def __init__(self, world: SimWorld, chance: Random, audience: Audience, *, pool: int = POOL) -> None:
        self.world = world
        self.timeline = world.timeline
        self.chance = chance
        self.audience = audience
        self.pool = pool
        """Threads for forward effects, in each of their processes."""
        self.network = Network()
        self.journals: dict[str, SimJournal] = {}
        self.processes: list[Process] = []
        self.rollouts: dict[str, Process] = {}
        """Open rollout -> the process that drives it, or did so last."""
        self.aside: Callable[[str], None] = lambda trouble: None
        """What somebody else does in the middle of a call."""
        self.begun = self.asked = self.unanswered = 0

    def driving(self) -> list[Process]:
        return [process for process in self.processes if not process.dead and process.loop.driven]

    def plan(self, machine: str, release: Release, shape: str) -> Plan | None:
        """`releaser plan`, and keep it; None where it is refused or void."""
        return self._planned(self._process(machine, machine), release, shape)

    def promote(
        self,
        machine: str,
        release: Release,
        shape: str,
        *,
        troubles: Troubles | None = None,
        plan: Plan | None = None,
        process: Process | None = None,
    ) -> Process | None:
        """`releaser promote [--plan]`, or with `process` the next release of a server that lives on."""
        process = process or self._process(machine, machine)
        plan = plan or self._planned(process, release, shape)
        if plan is None:
            self.audience.say(machine, "promote was refused at plan time")
            return None
        if troubles is not None:
            process.troubles = dict(troubles)
        self._open(process, plan, f"{release.version}.{machine}{self.begun}")
        return process

    def roll_back(self, machine: str, to: str | None = None, *, troubles: Troubles | None = None) -> None:
        """`releaser rollback [--to]` from a machine that has no journal of what runs."""
        process = self._process(machine, machine)
        ports = self.world.ports(process, f"somebody@{machine}")
        observed = observe(ports)
        running = observed.running() if observed.slots else None
        plan = way_back(observed.seen(dict.fromkeys(ports.sites, 1)), running, to=to)
        if plan is None:
            self.audience.say(machine, "rollback: nothing to go back to")
            return
        process.troubles = dict(troubles or {})
        self._open(process, plan, f"back.{machine}{self.begun}")

    def recover(self, name: str, *, finish: bool, troubles: Troubles) -> None:
        """`releaser recover` on the machine whose process died, once its disk takes events again."""
        dead = self.rollouts[name]
        if self.timeline.now < dead.journal.full_until:
            self.timeline.after(5.0, partial(self.recover, name, finish=finish, troubles=troubles))
            return
        process = self._process(dead.name, dead.journal.id)
        process.boot = dead.boot if self.chance.random() < 0.7 else f"{dead.boot}+"
        process.offset = dead.offset if process.boot == dead.boot else dead.offset - 4000.0
        process.troubles = dict(troubles)
        for entry in dead.spool.entries:
            process.journal.restore(entry)
        try:
            state = take_over(process, name)
        except RefusedError as refused:
            self.audience.say(dead.name, f"recover: {refused}")
            last = process.read(name)[-1:]
            self.audience.over(name, last[0].event.outcome if last and isinstance(last[0].event, e.Finished) else None)
            return
        self.rollouts[name] = process
        ports = self.world.ports(process, f"somebody@{dead.name}")
        process.begin(
            partial(resume, process.loop, state, ports, process, by="grace", finish=finish, reason="it looked fine")
        )

    def ask(self, verb: str, **fields: Any) -> None:
        """A request on the machine of the first release that runs."""
        for name, process in self.rollouts.items():
            if not process.dead:
                asked = e.Asked(verb, "bo", "because", **fields)  # type: ignore[arg-type]  # verbs of events.Verb
                self.unanswered += 1
                self.asked += 1
                process.hear(Person(name, asked, f"ask-{self.asked}", partial(self._answered, name, verb)))
                return

    def _answered(self, name: str, verb: str, sentence: str, granted: bool) -> None:
        self.unanswered -= 1
        self.audience.say("bo", f"{verb} {name}: {'granted' if granted else 'refused'}: {sentence}")
        if granted:
            self.audience.granted(name, verb)

    def _planned(self, process: Process, release: Release, shape: str) -> Plan | None:
        ports = self.world.ports(process, f"somebody@{process.name}")
        return promotion(observe(ports).seen(dict.fromkeys(ports.sites, 1)), release, shape)

    def _process(self, machine: str, journal: str) -> Process:
        kept = self.journals.setdefault(journal, SimJournal(journal, self.timeline))
        process = Process(machine, self.timeline, self.chance, self.network, kept, self.audience, pool=self.pool)
        process.aside = self.aside
        self.processes.append(process)
        return process

    def _open(self, process: Process, plan: Plan, name: str) -> None:
        ports = self.world.ports(process, f"somebody@{process.name}")
        self.rollouts[name] = process
        self.begun += 1
        process.begin(partial(process.loop.open, name, e.Opened(plan, process.name), ports))
