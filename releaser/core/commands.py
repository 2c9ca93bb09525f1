"""What a rollout asks the world to do. Imperative, immutable, hashable: the effect's key is (rollout, command, attempt).

Forward commands need a durable intent before they run; urgent ones (the way back) do not; questions change nothing.
"""

from dataclasses import dataclass
from typing import Literal

from releaser.core.absent import Missing
from releaser.core.values import Slot, Split

__all__ = [
    "QUESTIONS",
    "Acquire",
    "Arm",
    "CheckHealth",
    "Collect",
    "Command",
    "Count",
    "Cut",
    "Look",
    "Place",
    "PutBack",
    "Rehearse",
    "Settle",
    "Settlement",
    "Shift",
    "Start",
    "Stop",
    "subject_of",
]

Settlement = Literal["committed", "reverted", "cancelled"]


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take every router's ledger, in sorted order; `force` raises the fence on whichever answer, without a lease."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Put the plan's release beside the running one on every host of a target."""

    target: str


@dataclass(frozen=True, slots=True)
class Start:
    """Bind `release` to `slot` and start it, on every host of a target."""

    target: str
    release: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class PutBack:
    """Hear what `release` printed on the hosts where it never became ready, and stop it there at once."""

    target: str
    release: str
    slot: Slot
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what `slot` runs after its drain time, if it is still `release`."""

    target: str
    release: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Collect:
    """After the commit: point `current` at `release` on every host of a target, and remove the releases that nobody may need.

    After a rollback too, where nothing is removed.
    """

    target: str
    release: str


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """A question: does `release` answer well on every host of a target, with its own version?"""

    target: str
    release: str


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Let the router's guard run the revert script once, before it is needed, and time it."""

    router: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Set the router's dead-man's switch to the split before the first shift."""

    router: str


@dataclass(frozen=True, slots=True)
class Shift:
    """Write one split to one router under the fence, and read it back."""

    router: str
    split: Split
    generation: int
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """A question: how many requests did each release complete and fail on this router?"""

    router: str


@dataclass(frozen=True, slots=True)
class Look:
    """A question: what does this router do now, by its own configuration and ledger?"""

    router: str

    def __hash__(self) -> int:
        return hash(
            ("look", self.router)
        )  # as the hash of its one field it would be that of Count, which lies in the same dicts


@dataclass(frozen=True, slots=True)
class Settle:
    """End the rollout on one router: disarm, write the ledger's current, good and bad, give the lease back."""

    router: str
    settlement: Settlement
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """End what `release`, which gets no more users, still has under way on this router."""

    router: str
    release: str


Command = (
    Acquire | Place | Start | PutBack | Stop | Collect | CheckHealth | Rehearse | Arm | Shift | Count | Look | Settle | Cut
)  # fmt: skip
QUESTIONS = (CheckHealth, Count, Look)


def subject_of(command: Command) -> str:
    """The target or router that a command is about; empty where it is about all of them."""
    return getattr(command, "target", None) or getattr(command, "router", None) or ""
