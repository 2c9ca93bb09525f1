"""What does the engine need of a router host: to move traffic, to count it, to go back by itself, to remember whose it is?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from releaser.core.ledger import Claim, LedgerState, Request, Settling
from releaser.core.record import record
from releaser.core.values import Binding, Counts, Split

if TYPE_CHECKING:  # named and not used: whoever only looks does without the 10 ms that these take
    from releaser.core.absent import Away

__all__ = ["Counters", "Cutter", "Ledger", "Renewal", "Router", "RouterState", "Site", "Switch"]


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


class Cutter(Protocol):
    """A router that can end what one release has under way, while it goes on serving the others."""

    def cut(self, release: str, binding: Binding, *, fence: int, within: float) -> int:
        """How many connections were ended. Safe to repeat. Raises FailedError where this router cannot, FencedError as shift."""
        ...


@record
class Renewal:
    """What the router said to a renewal: seconds until its timer fires, and the requests that wait there."""

    left: float
    inbox: tuple[Request, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Site:
    """One router host: what decides the traffic there, what counts it, what goes back by itself, what remembers."""

    router: Router
    counters: Counters
    switch: Switch
    ledger: Ledger
    cutter: Cutter | None = None
