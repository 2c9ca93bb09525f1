"""The state of one rollout: everything that its journal says, and what follows from that. Only the fold (fold.py and what it imports) changes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from releaser.core import events as e
from releaser.core.absent import Away, Missing
from releaser.core.commands import Command
from releaser.core.plan import Plan, RouterRef
from releaser.core.record import record
from releaser.core.values import Outcome, Split

__all__ = ["BACKWARD", "PATIENT", "Flight", "Phase", "Rollout", "Tries"]


class Phase(StrEnum):
    """Where a rollout stands. Forward from ACQUIRING to COMMITTING, back from RETURNING; each has a deadline in decide."""

    ACQUIRING = "acquiring"
    PLACING = "placing"
    STARTING = "starting"
    PROVING = "proving"
    REHEARSING = "rehearsing"
    ARMING = "arming"
    SHIFTING = "shifting"
    WATCHING = "watching"
    BAKING = "baking"
    COMMITTING = "committing"
    RAISING = "raising"
    LOOKING = "looking"
    WARMING = "warming"
    RETURNING = "returning"
    SETTLING = "settling"
    DONE = "done"

    __hash__ = str.__hash__  # Enum's own is a Python function, and every decision looks phases up


BACKWARD = frozenset({Phase.RAISING, Phase.WARMING, Phase.RETURNING, Phase.SETTLING})
PATIENT = frozenset({Phase.ARMING, Phase.WATCHING, Phase.BAKING})
"""Where a rollout can wait for people. Only here does that stop the clock of the phase; machines get their time and no more."""


@record
class Flight:
    """An effect under way."""

    attempt: int
    at: float


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a command was tried without an answer that settles it."""

    attempts: int
    at: float
    how: str
    why: str


@dataclass(frozen=True)
class Rollout:
    """Everything that is known of one rollout. Times are seconds of the boot-time clock of `boot`."""

    id: str
    plan: Plan
    by: str
    reason: str
    boot: str
    opened: float
    since: float
    phase: Phase = Phase.ACQUIRING
    seq: int = 0
    step: int = -1
    """Index of the step that is set or being set; -1: before the first."""
    fence: int = 0
    reached: frozenset[str] = frozenset()
    """Routers whose ledger we hold."""
    pending: Mapping[Command, Flight] = field(default_factory=dict)
    tries: Mapping[Command, Tries] = field(default_factory=dict)
    placed: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    """Targets that were told to start the release, whatever came of it."""
    started: frozenset[str] = frozenset()
    missing: Mapping[str, tuple[Missing, ...]] = field(default_factory=dict)
    """Target -> its hosts that go without the release."""
    nowhere: frozenset[str] = frozenset()
    """Targets without any host where the release became ready."""
    ready: frozenset[str] = frozenset()
    rehearsed: Mapping[str, float] = field(default_factory=dict)
    armed: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    """Routers that a forward shift was meant for: they may show something else than `before`."""
    seen: Mapping[str, Split] = field(default_factory=dict)
    """Router -> split that it read back to us."""
    looked: Mapping[str, e.RouterSeen] = field(default_factory=dict)
    passed: e.Passed | None = None
    judged: e.Judged | None = None
    judged_at: float = 0.0
    asked_approval: float | None = None
    approved: frozenset[int] = frozenset()
    paused: e.Paused | None = None
    paused_at: float = 0.0
    held: e.Held | None = None
    held_at: float = 0.0
    resumed: int = 0
    """How often a person ended a hold: each time the evidence begins anew, else the same verdict would hold it again."""
    resumed_at: float = 0.0
    credit: float = 0.0
    """Seconds of the present phase that were spent waiting for people."""
    release_credit: float = 0.0
    hurry: tuple[int, str, str] | None = None
    """(weight, who, why): a human's advance --to."""
    turned: e.TurnedBack | None = None
    turned_at: float = 0.0
    back_at: float | None = None
    lost: frozenset[str] = frozenset()
    """Routers that another rollout took."""
    fired: frozenset[str] = frozenset()
    """Routers where our lease or timer ran out and nobody else took over: they are taken again before they are written."""
    owned: frozenset[str] = frozenset()
    """Routers whose ledger we took at some time and nobody took from us: each of them needs an ending."""
    settled: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()
    collected: frozenset[str] = frozenset()
    cut: Mapping[str, int] = field(default_factory=dict)
    """Router -> how many connections of the release that was taken back were cut there."""
    alarmed: frozenset[str] = frozenset()
    recovered: e.Recovered | None = None
    committing: bool = False
    sealed: bool = False
    """It was committed already when a process that drove it died: what is left is to say so."""
    unrecognised: str = ""
    finished: e.Finished | None = None
    refused: e.Refused | None = None

    @property
    def outcome(self) -> Outcome | None:
        return self.finished.outcome if self.finished else None

    @property
    def goal(self) -> Split | None:
        """Where a way back leads: the split before the first shift, or wholly to the release that a rollback names.

        There is no split before a first release: once users were sent to it, every router goes on, and its ledger says so.
        """
        alone = self.plan.kind == "rollback" or self.plan.first
        return Split.all_to(self.plan.to.id) if alone else self.plan.before

    @property
    def committed(self) -> bool:
        """Past the point of no return: every router has taken the commit, and only a new rollout goes back.

        From then on the old release may have been told to end, so nothing of this rollout may send users there again.
        """
        if self.phase is Phase.LOOKING:
            shown = self.committing and self.turned is None and all(map(self._shows_commit, self.routers()))
            return self.sealed or shown
        return self.phase is Phase.COMMITTING and self.settled.issuperset(self.routers())

    def _shows_commit(self, router: str) -> bool:
        seen = self.looked.get(router)
        if seen is None or seen.settlement != "committed" or seen.split is None:
            return False
        return seen.split.weight(self.plan.to.id) == 100

    @property
    def may_finish(self) -> bool:
        """After a crash somebody wants to go on, and every router still shows this step or the one before it."""
        if (
            self.recovered is None
            or not self.recovered.finish
            or self.turned
            or self.committing
            or self.plan.kind != "promote"
        ):
            return False
        return all(
            router.name in self.looked
            and self.looked[router.name].split
            in {self.plan.split_at(step, router) for step in (max(self.step - 1, -1), self.step)}
            for router in self.plan.routers
        )

    @property
    def at_last_step(self) -> bool:
        return self.step == len(self.plan.steps) - 1

    def without(self, target: str) -> frozenset[str]:
        """The hosts of `target` that do not have the release which this rollout brings."""
        found = frozenset(one.host for one in self.missing.get(target, ()))
        if self.plan.kind == "promote":  # it is brought to all of them, whoever had gone without it before
            return found
        return found | self.plan.away(target).get(self.plan.to.id, frozenset())

    def away(self, router: str) -> Away:
        """Who must not be sent requests of which release."""
        if not (self.missing or self.plan.absent):
            return {}
        target = self.plan.target_of(router)
        found = {**self.plan.away(target), self.plan.to.id: self.without(target)}
        return {release: hosts for release, hosts in found.items() if hosts}

    def routers(self) -> tuple[str, ...]:
        return tuple(router.name for router in self.plan.routers)

    def moving(self) -> tuple[RouterRef, ...]:
        """The routers whose split this step sets."""
        wave = self.plan.steps[max(self.step, 0)].wave
        return tuple(router for router in self.plan.routers if router.wave == wave)

    def astray(self) -> tuple[str, ...]:
        """Routers that must be, and are not yet known to be, back on the goal."""
        if self.plan.kind == "rollback" or self.plan.first:
            scope: Iterable[str] = self.routers()
        else:
            scope = (name for name in self.routers() if name in self.touched)
        return tuple(name for name in scope if name not in self.lost and self.seen.get(name) != self.goal)
