"""What did the routers, their ledgers and the hosts say, and do the routers agree with one another? What a plan is made against."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from releaser.core.plan import Undo
from releaser.core.values import SLOTS, Slot, Split
from releaser.ports import LedgerState, RouterState

__all__ = ["Around", "Refusal", "Refusals", "Seen", "Unchanged", "Underway", "drift", "other_slot", "slot_of"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One router's answers. `ledger` or `state` None: it did not answer."""

    router: str
    """TARGET/HOST, as in `environment.router_refs`."""
    ledger: LedgerState | None
    state: RouterState | None
    finest: int = 1
    """The smallest share that it can give, whole percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands around the routers' own answers, by the hosts and by earlier releases."""

    undo: Undo = Undo(None)
    """The way back as earlier releases measured it."""
    taken: Mapping[Slot, str] = field(default_factory=dict)
    """Slots on whose port somebody else listens, with who that is."""
    trouble: str = ""
    """Why the stable release does not serve; empty: it does."""
    hangs: bool = False
    """Its processes run all the same."""
    silent_targets: Mapping[str, str] = field(default_factory=dict)
    """Those that gave no answer, with the reason."""
    alike: Collection[str] = ()
    """Routers that cannot leave out a host."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan would be unsafe or void: `code` for machines, `why` and `fix` for people."""

    code: str
    why: str
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusals:
    """No plan, for these reasons: never empty."""

    items: tuple[Refusal, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("a refusal has a reason")


@dataclass(frozen=True, slots=True)
class Unchanged:
    """There is nothing to do. `release` None: nothing was ever released here."""

    release: str | None
    why: str
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Underway:
    """A rollout that is alive brings this very release: attach to it."""

    rollout: str
    holder: str


def slot_of(ledger: LedgerState, release: str) -> Slot | None:
    return next((slot for slot, bound in ledger.slots.items() if bound == release), None)


def other_slot(slot: Slot) -> Slot:
    return SLOTS[1] if slot == SLOTS[0] else SLOTS[0]


def drift(environment: str, seen: Sequence[Seen]) -> list[Refusal]:
    """Where routers serve what their ledgers do not say, or disagree with one another. All of `seen` have answered."""
    adopt = (f"releaser status -e {environment}", f"releaser adopt -e {environment}")
    first = seen[0]
    found: list[Refusal] = []
    for each in seen:
        why = _strays(each) or _differs(first, each)
        if why:
            found.append(Refusal("drift", why, adopt))
    return found


def _strays(seen: Seen) -> str:
    """Why this router's own answer is not what its ledger says; empty where it is."""
    ledger, state = seen.ledger, seen.state
    if ledger is None or state is None:
        return ""
    if ledger.current is None:
        return f"{seen.router} serves {state.split}, and its ledger knows of no release" if state.split else ""
    if state.split != Split.all_to(ledger.current):
        return f"{seen.router} serves {state.split or 'nothing'}, but {ledger.current} was committed there"
    if state.generation != ledger.generation:
        return (
            f"somebody else wrote to {seen.router}: it is at generation {state.generation}, "
            f"the last one written by a release is {ledger.generation}"
        )
    if slot_of(ledger, ledger.current) is None:
        return f"the ledger of {seen.router} does not say which slot holds {ledger.current}"
    return ""


def _differs(first: Seen, other: Seen) -> str:
    """Why these two routers could not take part in one release; empty where they could."""
    if first.ledger is None or other.ledger is None:
        return ""
    if first.ledger.current != other.ledger.current:
        ours, theirs = first.ledger.current or "nothing", other.ledger.current or "nothing"
        return f"the routers disagree: {first.router} has {ours} and {other.router} has {theirs}"
    current = first.ledger.current
    if current is not None and slot_of(first.ledger, current) != slot_of(other.ledger, current):
        return f"the routers disagree about the slot of {current}: {first.router} and {other.router}"
    return ""
