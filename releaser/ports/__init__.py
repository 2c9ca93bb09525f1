"""What the engine needs of the world: small protocols that real servers and their fakes both satisfy.

Every call takes `within`, the seconds that it may take, and raises only errors below `PortError`: FailedError (said no),
UnreachableError (nothing was sent), UnknownError (sent, no answer: read back before a repeat), FencedError (a newer holder rules).
The words of a ledger are in `core.ledger`, and are given out here beside the port that speaks them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releaser.core.ledger import Claim, Frozen, Holder, LedgerState, Request, Settling
from releaser.ports.hosts import Probe, SlotState, Target
from releaser.ports.process import Clock, Executor, Journal, Mailbox, Notifier, SecretStore
from releaser.ports.routers import Counters, Cutter, Ledger, Renewal, Router, RouterState, Site, Switch

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
