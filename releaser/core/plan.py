"""What a release will do: environment, playbook, release and what was observed, frozen when it starts."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from releaser.core.absent import Allowed, Away
from releaser.core.values import Binding, Release, Slot, Split

__all__ = [
    "Absence",
    "Approval",
    "Budget",
    "Expected",
    "HealthRule",
    "Judging",
    "Plan",
    "RouterRef",
    "Step",
    "TargetRef",
    "Undo",
]


@dataclass(frozen=True, slots=True)
class Approval:
    """A human's word before the next step. Waiting stops the step's and the release's clocks, not the judge."""

    by: str
    within: float
    """Seconds."""
    otherwise: Literal["rollback", "hold"] = "rollback"


@dataclass(frozen=True, slots=True)
class Step:
    """The candidate's share on the routers of one wave; earlier waves stay at their last step."""

    weight: int
    """Whole percent, 1 to 100."""
    wave: int = 0
    at_least: float = 0.0
    """Seconds to stay, however early the evidence is in."""
    approve: Approval | None = None
    eps: float = 0.0
    """The tolerance of this step in absolute error rate (0.005 is half a percent); see analysis."""


@dataclass(frozen=True, slots=True)
class Judging:
    """`not_worse_than` is a ratio (1.1), `within` an absolute rate (0.005), alpha and beta error probabilities."""

    not_worse_than: float = 1.1
    within: float = 0.005
    alpha: float = 0.01
    beta: float = 0.05
    errors: bool = True
    """False where the environment has no router counters: probes alone decide, and the plan says so."""
    absolute: float | None = None
    """Only with --stable-is-down: a fixed ceiling on the candidate's error rate, no comparison."""


@dataclass(frozen=True, slots=True)
class HealthRule:
    """One health probe's cadence, in seconds, and how many answers in a row decide."""

    name: str = "up"
    every: float = 1.0
    timeout: float = 2.0
    passes: int = 3
    fails: int = 2
    ready_within: float = 60.0
    """Seconds from the start to the last of the passes; a candidate that is not ready by then gets no traffic."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds: per step, for the whole release, for the way back, and the dead-man's switch."""

    step: float = 900.0
    release: float = 7200.0
    rollback: float = 60.0
    deadman: float = 20.0


@dataclass(frozen=True, slots=True)
class TargetRef:
    """A target and the wave that it moves in."""

    name: str
    wave: int = 0


@dataclass(frozen=True, slots=True)
class RouterRef:
    """One router host ("web/lb1"), the target that it decides for, and the wave that it moves in."""

    name: str
    target: str
    wave: int = 0
    sticky: bool = False
    """Its users stay with the release that answered them first, so the share of requests need not be what it was told."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Hosts of a target that do not have a release, by the ledgers: they were away when it was committed."""

    target: str
    release: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """What one router's ledger and configuration said when the plan was made; anything else later is drift."""

    router: str
    fence: int
    generation: int
    split: Split | None
    """None: nothing serves here yet."""


@dataclass(frozen=True, slots=True)
class Undo:
    """The way back: how long it takes, from a rehearsal, an earlier release or an estimate, and what it cannot undo."""

    seconds: float | None
    """None: never measured yet."""
    measured_at: float | None = None
    """Wall clock."""
    warm: bool = True
    not_reversed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Immutable, shown before it runs, with a digest over everything that it says."""

    kind: Literal["promote", "rollback", "recover", "adopt"]
    """The last two are journaled and driven by no loop: hosts and routers brought to what is committed, what serves taken in."""
    environment: str
    to: Release
    """Where traffic goes: the candidate of a promotion, the good old release of a rollback."""
    origin: str | None
    """The release that answers now; None: the first release, there is no way back."""
    binding: Binding
    """Slots after placing: both releases where there are two."""
    targets: tuple[TargetRef, ...]
    routers: tuple[RouterRef, ...]
    steps: tuple[Step, ...] = (Step(100),)
    before: Split | None = None
    """The split before the first shift: what the guard restores, and a promotion goes back to. None: a first release."""
    playbook: str = "canary"
    bake: float = 600.0
    health: HealthRule = HealthRule()
    judging: Judging = Judging()
    budget: Budget = Budget()
    on_failure: Literal["rollback", "hold"] = "rollback"
    keep_warm: float = 86400.0
    drain: float = 30.0
    cut_after: float | None = None
    """Seconds that what is under way has when users are taken back; None: until the slot is stopped."""
    keep: int = 10
    """How many good releases stay on the hosts and in the ledgers, the newest first."""
    poll: float = 1.0
    """Seconds between two readings of the routers' counters."""
    mark_bad: bool = True
    """Rollbacks only: whether `origin` is marked bad."""
    freeze: float = 0.0
    """Rollbacks by hand: seconds that the environment stays frozen afterwards."""
    unfreeze: bool = False
    """A person lifted the environment's freeze for this release."""
    cold: bool = False
    """Rollbacks only: the old release must be started before traffic can move."""
    again: bool = False
    """Rollbacks only: what was committed is started again, and nothing is taken back."""
    expected: tuple[Expected, ...] = ()
    undo: Undo = Undo(None)
    allowed: Allowed = Allowed()
    """How many hosts of one wave may go without the release."""
    absent: tuple[Absence, ...] = ()
    """Who goes without which release already."""
    config: str = ""
    """The resolved environment as canonical JSON, secrets as references: what places and starts the release."""

    def __post_init__(self) -> None:
        if self.kind == "promote" and self.origin is not None and self.before is None:
            raise ValueError("a promotion with a release to go back to must know the split before it")
        if self.to.id == self.origin:
            raise ValueError(f"a plan that brings {self.origin} in its own place brings nothing")
        if not self.steps or not self.routers:
            raise ValueError("a plan has at least one step and one router")

    @property
    def first(self) -> bool:
        return self.kind == "promote" and self.before is None

    def slot(self, release: str) -> Slot:
        for slot, bound in self.binding:
            if bound == release:
                return slot
        raise KeyError(release)

    def split_at(self, step: int, router: RouterRef) -> Split | None:
        """The split of `router` once `step` (index, -1: none yet) is reached."""
        weight = 0
        for one in self.steps[: step + 1]:
            if one.wave == router.wave and one.weight > weight:
                weight = one.weight
        return self.before if weight == 0 else _mixed(self.before, self.to.id, weight)

    def away(self, target: str) -> Away:
        """By the ledgers: the hosts of `target` without a release."""
        return {one.release: frozenset(one.hosts) for one in self.absent if one.target == target}

    def target_of(self, router: str) -> str:
        return next(one.target for one in self.routers if one.name == router)

    def digest(self, encoded: str) -> str:
        """sha256 over the codec's canonical JSON of this plan: 64 hex digits."""
        return sha256(encoded.encode()).hexdigest()


@lru_cache(maxsize=1024)
def _mixed(before: Split | None, candidate: str, weight: int) -> Split:
    """`weight` percent to the candidate, the rest as it was divided before, in whole percents."""
    if weight == 100 or before is None:
        return Split.all_to(candidate)
    others = [(release, share) for release, share in before.weights if release != candidate]
    left = 100 - weight
    total = sum(share for _, share in others)
    mixed = {release: share * left // total for release, share in others}
    mixed[others[-1][0]] += left - sum(mixed.values())
    mixed[candidate] = weight
    return Split.of(mixed)
