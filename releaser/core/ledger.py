"""What does a router's host remember, and what does a rollout say to it? The words of the ledger; who keeps it is a port."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from releaser.core.record import record
from releaser.core.values import Binding, Release, Slot, Split

if TYPE_CHECKING:  # named and not used: whoever only looks does without the commands
    from releaser.core.commands import Settlement

__all__ = ["Claim", "Frozen", "Holder", "LedgerState", "Request", "Settling"]


@record
class Holder:
    """Who may go forward here, by the router's own clock. `left` <= 0: the lease is over."""

    name: str
    rollout: str
    release: str
    fence: int
    left: float


@dataclass(frozen=True, slots=True)
class Frozen:
    """No release goes forward here (except playbooks in `allow`); rollbacks do."""

    by: str
    reason: str
    left: float | None
    """Seconds; None: until somebody lifts it."""
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """Something a person asked for from another machine, as it lies in a ledger's inbox."""

    id: str
    verb: str
    by: str
    body: Mapping[str, Any] = field(default_factory=dict)
    """What goes with the verb, and as `for` the rollout that held the router: the next one must not do what was asked of it."""

    def is_for(self, rollout: str) -> bool:
        return bool(self.body.get("for", rollout) == rollout)


@record
class LedgerState:
    """What a router's host remembers: enough to go back without any journal."""

    router: str
    environment: str = ""
    fence: int = 0
    rollout: str = ""
    """The rollout that last took this ledger, also after its end."""
    holder: Holder | None = None
    current: str | None = None
    good: tuple[str, ...] = ()
    """Committed good releases that are kept, newest first."""
    bad: Mapping[str, str] = field(default_factory=dict)
    """Release -> why it was taken back."""
    evidence: str | None = None
    """The last of them: its files are kept."""
    releases: Mapping[str, Release] = field(default_factory=dict)
    """Everything known of the releases named here."""
    slots: Mapping[Slot, str] = field(default_factory=dict)
    generation: int = 0
    split: Split | None = None
    """As last written here; the router's own answer is RouterState."""
    before: Split | None = None
    """While a rollout is open: the split before its first shift."""
    candidate: str | None = None
    """While a rollout is open: what it brings, or what it takes back if it is a rollback; that one may be `current`."""
    armed_left: float | None = None
    """Seconds until the guard fires; None: not armed."""
    guard: Literal["alive", "dead", "none"] = "none"
    settled: "tuple[str, Settlement] | None" = None
    """The last rollout that ended here, and how."""
    frozen: Frozen | None = None
    journal: tuple[str, int, str] | None = None
    """(id, length, head) of the journal that last went forward here."""
    away: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Release -> the hosts that were away when it was committed: this router sends them none of its requests."""
    inbox: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rollout says of itself when it takes a ledger."""

    holder: str
    rollout: str
    release: Release
    before: Split | None
    binding: Binding
    lease: float
    """Seconds."""
    playbook: str = ""
    journal: tuple[str, int, str] | None = None
    unfreeze: bool = False
    expected_fence: int | None = None
    """The fence at plan time; another one is drift."""
    leaving: str | None = None
    """What a rollback takes back; None: `release` is what is tried."""


@dataclass(frozen=True, slots=True)
class Settling:
    """How a rollout ends on one router."""

    settlement: "Settlement"
    rollout: str
    current: str | None
    """What answers from now on."""
    bad: tuple[str, str] | None = None
    """(release, why) to be marked bad."""
    freeze: Frozen | None = None
    journal: tuple[str, int, str] | None = None
    keep: int = 10
    """Good releases that the ledger goes on naming, the newest first."""
    away: tuple[str, ...] | None = None
    """The hosts that go without `current`; None: as the ledger has it."""
