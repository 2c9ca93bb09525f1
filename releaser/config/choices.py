"""What do the reachable ledgers remember together, and where could a rollback go by that? Pure; imports no compiler."""

from collections.abc import Sequence
from dataclasses import dataclass

from releaser.config.observed import Seen
from releaser.core.values import Release, Slot
from releaser.ports import LedgerState

__all__ = ["Choice", "Memory", "choices", "remembered"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A release that was committed here once. `bad`: why it was taken back; it is no target then."""

    release: str
    warm: bool
    """A slot still holds it."""
    current: bool = False
    bad: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the reachable ledgers remember together: the newest decides, what is bad on one is bad."""

    newest: LedgerState
    bad: dict[str, str]
    releases: dict[str, Release]
    slots: dict[Slot, str]
    candidate: str | None = None
    """What an open rollout brings, or takes back if it is a rollback, also one that only a router knows which was out of reach when the others were settled."""

    @property
    def leaving(self) -> str | None:
        """What goes away: the candidate of an open rollout, else what runs."""
        return self.candidate or self.newest.current

    @property
    def older(self) -> list[str]:
        """Good releases before the running one that were not taken back, newest first; never what goes away."""
        good, current = self.newest.good, self.newest.current
        after = good[good.index(current) + 1 :] if current in good else good
        return [release for release in after if release not in {current, self.leaving} and release not in self.bad]


def choices(observed: Sequence[Seen]) -> tuple[Choice, ...]:
    """Where a rollback could go, newest first, with the running one and the bad ones marked. Empty: nobody answered."""
    memory = remembered(observed)
    if memory is None:
        return ()
    slots = memory.slots.values()
    return tuple(
        Choice(release, release in slots, release == memory.leaving, memory.bad.get(release))
        for release in memory.newest.good
    )


def remembered(observed: Sequence[Seen]) -> Memory | None:
    """None: nobody answered."""
    answered = [seen.ledger for seen in observed if seen.ledger is not None]
    if not answered:
        return None
    ledgers = sorted(answered, key=lambda ledger: (ledger.fence, ledger.candidate is not None))
    bad: dict[str, str] = {}
    releases: dict[str, Release] = {}
    slots: dict[Slot, str] = {}
    for ledger in ledgers:
        bad |= ledger.bad
        releases |= ledger.releases
        slots |= ledger.slots
    candidate = next((ledger.candidate for ledger in reversed(ledgers) if ledger.candidate is not None), None)
    return Memory(ledgers[-1], bad, releases, slots, candidate)
