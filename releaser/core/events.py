"""What happened to a rollout: facts in the past tense, each one line of its journal and one sentence of its story."""

from dataclasses import dataclass
from typing import Literal

from releaser.core.absent import Missing
from releaser.core.commands import Command, Settlement
from releaser.core.plan import Plan
from releaser.core.record import record
from releaser.core.values import Agreement, Counts, Moment, Outcome, Reading, Split, Verdict

__all__ = [
    "Acquired",
    "Alarmed",
    "ApprovalAsked",
    "Approved",
    "Armed",
    "Asked",
    "Collected",
    "CommitBegun",
    "Counted",
    "CutShort",
    "EffectFailed",
    "Entry",
    "Event",
    "Figures",
    "Finished",
    "Fired",
    "HealthRead",
    "Held",
    "Issued",
    "Judged",
    "LeftOut",
    "Lost",
    "Observation",
    "Opened",
    "Passed",
    "Paused",
    "Placed",
    "Ready",
    "Recovered",
    "Refused",
    "Rehearsed",
    "Resumed",
    "RouterSeen",
    "Settled",
    "Share",
    "Shifted",
    "Started",
    "StepBegun",
    "Stopped",
    "TurnedBack",
    "Unrecognised",
]

Cause = Literal["judge", "abort", "rollback", "signal", "deadline", "failure", "recovery", "timeout", "superseded"]
Verb = Literal["approve", "pause", "resume", "abort", "advance", "rollback", "signal", "timeout", "supersede"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A rollout exists. Everything that it will do is in the plan."""

    plan: Plan
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """The durable intent before a forward effect."""

    command: Command
    attempt: int


@dataclass(frozen=True, slots=True)
class Acquired:
    """The fence is ours on `reached`; `unreachable` did not answer (only a rollback goes on without them)."""

    fence: int
    reached: tuple[str, ...]
    unreachable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed, for this reason."""

    code: str
    why: str
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    target: str
    release: str
    missing: tuple[Missing, ...] = ()
    """Hosts that go without it, within what the fleet allows."""


@dataclass(frozen=True, slots=True)
class Started:
    target: str
    release: str
    missing: tuple[Missing, ...] = ()
    """Hosts that go without it, those of the placing among them."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """These hosts started it and never became ready: it is stopped there again, and they go without it."""

    target: str
    release: str
    missing: tuple[Missing, ...]
    left: int = 0
    """Hosts of the target that have it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The last of N passes in a row, each with the expected version."""

    target: str
    release: str
    passes: int


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The guard ran the revert script and the new generation was read back, in `seconds` from the timer's end."""

    router: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Armed:
    router: str
    timer: float


@dataclass(frozen=True, slots=True)
class Shifted:
    """The router answered a read of its configuration with this split and generation."""

    router: str
    split: Split
    generation: int
    seconds: float = 0.0
    """From the command to the read-back."""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What the judge saw since the rollout's first shift (errors) and in this step (good)."""

    candidate: Counts = Counts()
    stable: Counts = Counts()
    log_bad: float = 0.0
    """ln of the e-value against "no worse"; at ln(1/alpha) the verdict is bad."""
    log_good: float = 0.0
    """ln of the e-value against "worse by eps"; at ln(1/beta) the verdict is good."""


@record
class Share:
    """What one router was told for the candidate, whole percent, and what `requests` of this step show."""

    router: str
    weight: int
    candidate: int
    requests: int
    low: float
    """From here to `high` lie the shares that these requests do not speak against; fractions of 1."""
    high: float
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict changed, or some seconds passed: what the judge sees at this step."""

    step: int
    verdict: Verdict
    why: str
    figures: Figures = Figures()
    shares: tuple[Share, ...] = ()
    """Of the routers that moved in this step."""

    @property
    def astray(self) -> tuple[str, ...]:
        """The routers whose requests do not go as they were told."""
        return tuple(share.router for share in self.shares if share.agreement is Agreement.DISAGREES)


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A PASS was used up: the candidate goes to this step's weight."""

    step: int
    weight: int


@dataclass(frozen=True, slots=True)
class CommitBegun:
    """The bake is over and every router agrees: the release is about to become the one to go back to."""


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """The evidence is in; a human's word is missing. The judge goes on."""

    step: int
    of: str
    within: float


@dataclass(frozen=True, slots=True)
class Held:
    """`on_failure: hold`: the split stays as it is and a human is called, for as long as a process renews."""

    why: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A PASS for leaving one step (-1: before the first shift), used up by the next rise."""

    step: int
    by: str
    """"probes", "judge" or the human's name."""
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked for something while the rollout ran; what came of it follows."""

    verb: Verb
    by: str
    reason: str = ""
    to: int | None = None
    """advance: the weight to go to."""
    step: int | None = None
    """The step that the person had in view (--expect); another one makes the request void."""
    mark_bad: bool = False
    freeze: float = 0.0
    until: float = 0.0
    """pause: seconds at most."""


@dataclass(frozen=True, slots=True)
class Approved:
    step: int
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    by: str
    at_most: float


@dataclass(frozen=True, slots=True)
class Resumed:
    by: str


@dataclass(frozen=True, slots=True)
class TurnedBack:
    """The decision to go back. From here the rollback's budget runs."""

    cause: Cause
    by: str
    why: str
    mark_bad: bool = False
    freeze: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    router: str
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Stopped:
    """Told to end: at once, or by itself `after` seconds from now, until when it stays warm."""

    target: str
    release: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class CutShort:
    """What was still under way for a release that gets no more users was ended; 0: it had just ended by itself."""

    router: str
    release: str
    connections: int


@dataclass(frozen=True, slots=True)
class Collected:
    """`current` points at the committed release on this target; `removed` are the old releases that lie there no more."""

    target: str
    release: str
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectFailed:
    """`failed` said no; `unreachable` was never sent; `unknown` may have happened: it is read back before a repeat."""

    command: Command
    attempt: int
    how: Literal["failed", "unreachable", "unknown"]
    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A newer fence rules this router: somebody else decides now, and nothing of ours is written any more."""

    router: str
    why: str


@dataclass(frozen=True, slots=True)
class Fired:
    """The router's own timer ran out and restored the split before the first shift."""

    router: str
    why: str


@record
class RouterSeen:
    """A router's configuration and timer, read back without changing them."""

    router: str
    split: Split | None
    generation: int
    armed: bool
    settlement: Settlement | None = None
    """How this rollout ended there, by the router's own ledger; None: it has not."""
    owner: str = ""
    """The rollout that last took this router's ledger."""
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Alarmed:
    """A limit is over. The attempts go on."""

    limit: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """Another process took over after a crash, under a new fence; deadlines start again once."""

    by: str
    boot: str
    finish: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    outcome: Outcome
    why: str
    seconds_to_stable: float | None = None
    """From the decision to go back to the last router's read-back."""


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """An event of a later version: it stops an open rollout from going forward and allows it to go back."""

    kind: str
    body: str


Event = (
    Opened | Issued | Acquired | Refused | Placed | Started | LeftOut | Ready | Rehearsed | Armed | Shifted | Judged | Passed
    | StepBegun | CommitBegun | ApprovalAsked | Held | Asked | Approved | Paused | Resumed | TurnedBack | Settled | Stopped | CutShort | Collected | EffectFailed | Lost | Fired | RouterSeen
    | Alarmed | Recovered | Finished | Unrecognised
)  # fmt: skip


@record
class HealthRead:
    """An observation, not journaled: one target's probes of one release. The worst host decides."""

    target: str
    release: str
    reading: Reading


@record
class Counted:
    """An observation, not journaled: one router's counters by release. None: no answer, for the reason `why`."""

    router: str
    counts: tuple[tuple[str, Counts], ...] | None
    why: str = ""


Observation = HealthRead | Counted


@record
class Entry:
    """One line of the journal: which rollout, the how-manieth of its events, when, what."""

    rollout: str
    seq: int
    moment: Moment
    event: Event
