"""A journal of the simulated world: as light as a list, with a disk that may be full or locked."""

from collections.abc import Sequence

from releaser.core.commands import Command
from releaser.core.events import Entry, Issued
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.testing.sim_time import Timeline

__all__ = ["SimJournal"]


class SimJournal:
    """A journal as light as a list, whose disk may be full (`full_until`), and which knows what was durable when."""

    __slots__ = ("full_until", "id", "intents", "length", "locked", "rollouts", "timeline")

    def __init__(self, name: str, timeline: Timeline) -> None:
        self.id = name
        self.timeline = timeline
        self.rollouts: dict[str, list[Entry]] = {}
        self.length = 0
        self.full_until = 0.0
        self.locked = False
        """Locked takes the writer's whole patience, full says so at once."""
        self.intents: set[tuple[str, Command, int]] = set()

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None:
        if self.timeline.now < self.full_until:
            raise JournalUnavailableError("the journal takes no events", code="journal-full")
        for entry in entries:
            kept = self.rollouts.setdefault(entry.rollout, [])
            if entry.seq != len(kept):
                raise JournalCorruptError(
                    f"{entry.rollout} has {len(kept)} entries, and number {entry.seq} is to follow"
                )
            kept.append(entry)
            self.length += 1
            if isinstance(entry.event, Issued):
                self.intents.add((entry.rollout, entry.event.command, entry.event.attempt))

    def read(self, rollout: str) -> Sequence[Entry]:
        return tuple(self.rollouts.get(rollout, ()))

    def head(self) -> tuple[str, int, str]:
        return self.id, self.length, ""

    def restore(self, entry: Entry) -> None:
        """What a dead process left in its spool, if nothing is missing before it."""
        if entry.seq == len(self.rollouts.get(entry.rollout, ())):
            self.append((entry,))
