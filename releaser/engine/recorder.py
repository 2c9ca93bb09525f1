"""Journal first: how events reach the journal, and what happens to those that it does not take in time."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from releaser.core.events import Entry
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.ports import Journal, Notifier

__all__ = ["Recorder", "Spool"]

FORWARD_PATIENCE, ROLLBACK_PATIENCE = 2.0, 0.05


class Spool(Protocol):
    """A preallocated place for rollback events that the journal did not take: it needs no free disk."""

    def write(self, entry: Entry) -> None: ...

    def clear(self) -> None: ...


class Recorder:
    """One writer of the journal. Events that it could not write stay in order, in memory and in the spool."""

    def __init__(self, journal: Journal, spool: Spool | None = None, listeners: Sequence[Notifier] = ()) -> None:
        self.journal = journal
        self.spool = spool
        self.listeners = tuple(listeners)
        self.backlog: list[Entry] = []

    def append(self, entries: Sequence[Entry], *, urgent: bool) -> bool:
        """True once these and all before them are durable. A rollback goes on without waiting for that."""
        waiting = [*self.backlog, *entries]
        try:
            self.journal.append(waiting, patience=ROLLBACK_PATIENCE if urgent else FORWARD_PATIENCE)
        except (JournalUnavailableError, JournalCorruptError):
            # A damaged journal stops the way forward like a full disk; the way back goes on with either.
            self.backlog = waiting
            self._keep(entries)
            durable = False
        else:
            if self.backlog and self.spool:
                self.spool.clear()
            self.backlog = []
            durable = True
        for listener in self.listeners:
            for entry in entries:
                listener.tell(entry)
        return durable

    def _keep(self, entries: Sequence[Entry]) -> None:
        """In the spool too, so that a crash does not lose them; where that is full, memory alone must do."""
        with suppress(JournalUnavailableError):
            for entry in entries if self.spool else ():
                self.spool.write(entry)  # type: ignore[union-attr]  # the loop is empty without a spool

    def flush(self) -> bool:
        """Write back what waits. True if nothing waits any more."""
        return not self.backlog or self.append((), urgent=False)
