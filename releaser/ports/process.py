"""What does the engine need where it runs itself: a memory, a clock, threads, a mailbox, the values of secrets?"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from releaser.core.values import Moment

if TYPE_CHECKING:  # named and not used: whoever only looks does without the 10 ms that these take
    from releaser.core.events import Entry

__all__ = ["Clock", "Executor", "Journal", "Mailbox", "Notifier", "SecretStore"]


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


class SecretStore(Protocol):
    """Where a scheme's references are looked up."""

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        """(value, version) of "scheme:path#key[@version]". The value goes to a host's 0600 file and nowhere else."""
        ...
