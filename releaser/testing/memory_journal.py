"""A journal in memory, for simulators and tests: the same answers as the file's, at the speed of a list."""

from collections.abc import Sequence

from releaser.core.codec import encode_event
from releaser.core.events import Asked, Entry
from releaser.core.values import Moment
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.store.asked import Waiting
from releaser.store.chain import genesis, link, row_text
from releaser.store.summaries import RELEASES, Summary
from releaser.store.summarising import summarise

__all__ = ["MemoryJournal"]


class MemoryJournal:
    """Passes contracts_journal. Nothing is encoded until somebody asks for the head. One thread at a time.

    `full` makes every append fail, as a full disk or a lock does.
    """

    def __init__(self, id_: str = "memory") -> None:
        self.id = id_
        self.full = False
        self.chain: list[Entry] = []
        self._by_rollout: dict[str, list[Entry]] = {}
        self._summaries: dict[str, Summary] = {}
        self._hashes = [genesis(id_)]
        self._requests: dict[int, Waiting] = {}
        self._answers: dict[int, str] = {}
        self._asked = 0
        self._changes = 0

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None:
        del patience  # nothing here takes time
        if self.full:
            raise JournalUnavailableError("the journal takes no events: its disk is full", code="journal-unavailable")
        held = len(self.chain)
        try:
            for entry in entries:
                self._append(entry)
        except (JournalCorruptError, JournalUnavailableError, ValueError):
            self._cut(held)
            raise
        self._changes += 1

    def read(self, rollout: str) -> Sequence[Entry]:
        return self.tail(rollout, -1)

    def tail(self, rollout: str, after_seq: int) -> Sequence[Entry]:
        return list(self._by_rollout.get(rollout, ())[after_seq + 1 :])

    def head(self) -> tuple[str, int, str]:
        for position in range(len(self._hashes), len(self.chain) + 1):
            entry = self.chain[position - 1]
            at, boot, wall = float(entry.moment.at) + 0.0, entry.moment.boot, float(entry.moment.wall) + 0.0
            row = (position, entry.rollout, entry.seq, at, boot, wall, encode_event(entry.event))
            self._hashes.append(link(self._hashes[-1], row_text(row)))
        return self.id, len(self.chain), self._hashes[-1].hex()

    def check_against(self, journal_id: str, length: int, head: str) -> bool:
        if journal_id != self.id:
            return False
        _, here, _ = self.head()
        if length > here or self._hashes[length].hex() != head:
            problem = f"row {length} is not the one that a router's ledger knows"
            raise JournalCorruptError(problem, code="journal-corrupt")
        return True

    def verify(self, last: int | None = None) -> Sequence[str]:
        return ()

    def rollout(self, rollout: str) -> Summary | None:
        return self._summaries.get(rollout)

    def rollouts(self, environment: str | None = None, limit: int = 100, *, upkeep: bool = False) -> Sequence[Summary]:
        return self._chosen(environment, upkeep)[::-1][:limit]

    def open_rollouts(self, environment: str | None = None, *, upkeep: bool = False) -> Sequence[Summary]:
        return [one for one in self._chosen(environment, upkeep) if one.outcome is None]

    def _chosen(self, environment: str | None, upkeep: bool) -> list[Summary]:
        here = [one for one in self._summaries.values() if environment in (None, one.environment)]
        return [one for one in here if upkeep or one.kind in RELEASES]

    def ask(self, environment: str, request: Asked, moment: Moment, *, rollout: str | None = None) -> int:
        self._asked += 1
        self._changes += 1
        self._requests[self._asked] = Waiting(self._asked, environment, rollout, moment, request)
        return self._asked

    def take(self, environment: str, rollout: str) -> Sequence[Waiting]:
        here = [request for request in self._requests.values() if request.environment == environment]
        taken = [request for request in here if request.rollout in (None, rollout)]
        for request in taken:
            del self._requests[request.id]
        return taken

    def answer(self, number: int, text: str) -> None:
        self._changes += 1
        self._answers[number] = text

    def answer_of(self, number: int) -> str | None:
        return self._answers.get(number)

    def withdraw(self, number: int) -> bool:
        return self._requests.pop(number, None) is not None

    def changed(self) -> int:
        return self._changes

    def _append(self, entry: Entry) -> None:
        there = self._by_rollout.get(entry.rollout, [])
        if entry.seq < len(there):
            if there[entry.seq] != entry:
                problem = f"event {entry.seq} of rollout {entry.rollout} is there already and differs"
                raise JournalCorruptError(problem, code="journal-corrupt")
            return
        if entry.seq != len(there):
            problem = f"the journal lacks what came before event {entry.seq} of rollout {entry.rollout}"
            raise JournalUnavailableError(problem, code="journal-unavailable")
        self._summaries[entry.rollout] = summarise(self._summaries.get(entry.rollout), entry)
        self._by_rollout.setdefault(entry.rollout, []).append(entry)
        self.chain.append(entry)

    def _cut(self, length: int) -> None:
        """All or nothing: forget what a refused append had begun to add."""
        touched = {entry.rollout for entry in self.chain[length:]}
        del self.chain[length:]
        for rollout in touched:
            del self._by_rollout[rollout], self._summaries[rollout]
        for entry in [entry for entry in self.chain if entry.rollout in touched]:
            self._summaries[entry.rollout] = summarise(self._summaries.get(entry.rollout), entry)
            self._by_rollout.setdefault(entry.rollout, []).append(entry)
