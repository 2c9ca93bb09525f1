"""What the engine needs of the world: small protocols that real servers and their fakes both satisfy.

Every call takes `within`, the seconds that it may take, and raises only errors below `PortError`: FailedError (said no),
UnreachableError (nothing was sent), UnknownError (sent, no answer: read back before a repeat), FencedError (a newer holder rules).
The words of a ledger are in `core.ledger`, and are given out here beside the port that speaks them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from releaser.core.ledger import Claim, Frozen, Holder, LedgerState, Request, Settling
from releaser.core.record import record
from releaser.core.values import Binding, Counts, Moment, Reading, Release, Slot, Split

if TYPE_CHECKING:  # named and not used: whoever only looks does without the 10 ms that these take
    from releaser.core.absent import Away, Missing
    from releaser.core.events import Entry

__all__ = [
    "Claim",
    "Clock",
    "Counters",
    "Cutter",
    "Executor",
    "Frozen",
    "Holder",
    "Journal",
    "Ledger",
    "LedgerState",
    "Mailbox",
    "Notifier",
    "Probe",
    "Renewal",
    "Request",
    "Router",
    "RouterState",
    "SecretStore",
    "Settling",
    "Site",
    "SlotState",
    "Switch",
    "Target",
    "World",
]


@dataclass(frozen=True, slots=True)
class SlotState:
    """What one slot of a target holds and whether it runs; `version` as the process itself reports it, if asked."""

    slot: Slot
    release: str | None
    running: bool
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Host -> "running", "stopped", "unreachable" or the problem, in words."""
    ending: Mapping[str, float] = field(default_factory=dict)
    """Host -> seconds until what runs there ends by itself, as it was told to."""
    busy: tuple[str, ...] = ()
    """What runs in the slot on any host, sorted: where one was away, another release than on the others."""


class Target(Protocol):
    """Where versions run: the same order goes to every host of it."""

    def names(self) -> tuple[str, ...]:
        """Its hosts."""
        ...

    def inspect(self, *, within: float) -> tuple[SlotState, ...]:
        """Both slots as they are. Changes nothing."""
        ...

    def place(self, release: Release, *, fence: int, within: float) -> "Sequence[Missing]":
        """Put the release beside the running one and check its digest there. Safe to repeat: a placed release stays.

        Returns the hosts that go without it, as far as the fleet allows that; raises where there are more.
        """
        ...

    def start(
        self,
        release: Release,
        slot: Slot,
        *,
        fence: int,
        within: float,
        without: Collection[str] = (),
        lenient: bool = False,
    ) -> "Sequence[Missing]":
        """Bind the slot and start it, but on the hosts `without` the release. Safe to repeat: what already runs is not
        restarted. Returns further hosts that go without it, as `place`; `lenient` (the way back): as long as one has it.
        """
        ...

    def put_back(
        self, release: str, slot: Slot, missing: "Sequence[Missing]", *, fence: int, within: float
    ) -> "Sequence[Missing]":
        """Stop it at once on these hosts only, whatever they answer. Returns them with the end of what it printed there, or
        why that is not known, behind each reason. Safe to repeat. Raises only FencedError.
        """
        ...

    def stop(self, release: str, slot: Slot, *, fence: int, after: float, within: float) -> None:
        """Let the slot end by itself, gracefully, `after` seconds from now (0: at once), if it still holds `release` then.

        Others are left alone, and a start of the slot before that calls it off. Does not wait. Safe to repeat.
        """
        ...

    def collect(self, current: str, keep: Sequence[str] | None, *, fence: int, within: float) -> Sequence[str]:
        """`current` is the committed release, for people and for a boot; remove what is neither it, in `keep` nor in a slot.

        None: nothing is removed. Returns what was removed from any host. Safe to repeat.
        """
        ...


@record
class RouterState:
    """A router's own answer: which split it applies and the generation of the write that set it."""

    split: Split | None
    generation: int


class Router(Protocol):
    """Which release answers. No method changes a router without a fence.

    `away`: the hosts that do not have a release and get none of its requests, whatever else answers there.
    """

    def read(self, binding: Binding, *, within: float) -> RouterState:
        """Read the running configuration. Changes nothing."""
        ...

    def shift(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: "Away | None" = None
    ) -> RouterState:
        """Lock, compare the fence, write, read back, unlock. Safe to repeat. Raises FencedError for an old fence."""
        ...


class Counters(Protocol):
    """How many requests each release answered on one router."""

    def count(self, binding: Binding, *, within: float) -> Mapping[str, Counts]:
        """Cumulative since the slot was bound, by release. Changes nothing."""
        ...


@record
class Renewal:
    """What the router said to a renewal: seconds until its timer fires, and the requests that wait there."""

    left: float
    inbox: tuple[Request, ...] = ()


class Cutter(Protocol):
    """A router that can end what one release has under way, while it goes on serving the others."""

    def cut(self, release: str, binding: Binding, *, fence: int, within: float) -> int:
        """How many connections were ended. Safe to repeat. Raises FailedError where this router cannot, FencedError as shift."""
        ...


class Switch(Protocol):
    """The dead-man's switch of one router, held by the guard beside it. `away` as for Router."""

    def rehearse(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: "Away | None" = None
    ) -> float:
        """Arm for 1 s, let the guard restore `split` under `generation`, read it back.

        Returns the seconds from the timer's end to the read-back. Safe to repeat. Raises FailedError where the guard did not.
        """
        ...

    def arm(
        self,
        split: Split,
        binding: Binding,
        generation: int,
        *,
        fence: int,
        timer: float,
        within: float,
        away: "Away | None" = None,
    ) -> None:
        """From now on the guard restores `split` unless renewed within `timer` seconds. Safe to repeat."""
        ...

    def renew(self, *, fence: int, within: float) -> Renewal:
        """Start the timer (and the lease) again. Safe to repeat. Raises FencedError once it has fired or was taken over."""
        ...


class Ledger(Protocol):
    """The small file beside each router that decides who may write."""

    def read(self, *, within: float) -> LedgerState:
        """Changes nothing."""
        ...

    def acquire(self, claim: Claim, fence: int, *, force: bool, within: float) -> LedgerState:
        """Take the lease under `fence`, which must be above the ledger's. Safe to repeat with the same rollout and fence.

        Raises HeldError while another lease is alive, RefusedError("frozen") or ("drift"); with `force` only FencedError.
        """
        ...

    def settle(self, settling: Settling, *, fence: int, within: float) -> LedgerState:
        """Disarm, write the ending, give the lease back, in one locked script. Safe to repeat."""
        ...

    def edit(self, change: Mapping[str, Any], *, within: float) -> LedgerState:
        """{"post": request}, {"taken": [ids]}, {"freeze": ...}, {"unfreeze": ...}, {"adopt": ...}: needs no lease; safe to repeat."""
        ...


class Probe(Protocol):
    """One question about one release, asked of every host of a target."""

    def read(self, release: Release, slot: Slot, *, within: float, without: Collection[str] = ()) -> Reading:
        """The worst answer of all hosts but those `without` the release. Changes nothing; never raises: no answer is a
        reading without a verdict.
        """
        ...


class SecretStore(Protocol):
    """Where a scheme's references are looked up."""

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        """(value, version) of "scheme:path#key[@version]". The value goes to a host's 0600 file and nowhere else."""
        ...


class Journal(Protocol):
    """What we know: append-only, in order, with a hash chain."""

    def append(self, entries: "Sequence[Entry]", *, patience: float | None = None) -> None:
        """Durable when it returns. Safe to repeat: an entry is known by (rollout, seq).

        Raises JournalUnavailableError after `patience` seconds (None: as long as it takes).
        """
        ...

    def read(self, rollout: str) -> "Sequence[Entry]":
        """One rollout's entries in order."""
        ...

    def head(self) -> tuple[str, int, str]:
        """(id, length, head digest) of the chain."""
        ...


class Notifier(Protocol):
    """Somebody who wants to know. Never waited for."""

    def tell(self, entry: "Entry") -> None: ...


class Clock(Protocol):
    """The boot-time clock and this boot's id; the wall clock rides along for people."""

    def now(self) -> float:
        """Seconds, never going back within one boot."""
        ...

    def moment(self) -> Moment: ...


class Executor(Protocol):
    """Where blocking work goes."""

    def submit(self, work: Callable[[], None], *, urgent: bool) -> None:
        """Run `work` soon, elsewhere. Urgent work (the way back) never waits behind other work."""
        ...

    def every(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        """Run `work` again and again in a thread of its own; the answer stops it."""
        ...


class Mailbox(Protocol):
    """Where everything that the loop must hear of arrives. `put` is safe in a signal handler (queue.SimpleQueue)."""

    def put(self, message: Any) -> None: ...

    def get(self, *, timeout: float) -> Any:
        """The next message; raises queue.Empty after `timeout` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """One router host: what decides the traffic there, what counts it, what goes back by itself, what remembers."""

    router: Router
    counters: Counters
    switch: Switch
    ledger: Ledger
    cutter: Cutter | None = None


@dataclass(frozen=True, slots=True)
class World:
    """Every port that one rollout needs, by the names that its plan uses."""

    targets: Mapping[str, Target]
    probes: Mapping[str, Probe]
    """By target."""
    sites: Mapping[str, Site]
    """By router."""
    holder: str
    """Who we are, for people: "ada@laptop" or "ci:shop#8812"."""
    together: Callable[[Sequence[Callable[[], Any]]], list[Any]]
    """Run these at the same time (threads) or one after the other (simulator); the answers in order."""
    journal_head: Callable[[], tuple[str, int, str] | None] = lambda: None
