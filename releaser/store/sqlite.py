"""The journal in one SQLite file of this machine: what every process here knows, durable, in order, vouched for by a chain."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from releaser.store import rows
from releaser.store.faults import corrupt, faults
from releaser.store.schema import connect, ensure
from releaser.store.summaries import Summary
from releaser.store.writer import Writer

if TYPE_CHECKING:  # a look at heads and summaries does without events, whose import takes longer than the look
    from releaser.core.events import Asked, Entry
    from releaser.core.values import Moment
    from releaser.store.asked import Waiting
    from releaser.store.retention import Pruned

__all__ = ["SqliteJournal"]

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds for what is not an event: a request of a person, an answer."""


class SqliteJournal:
    """Implements `ports.Journal`; any thread may call, any number of processes may share the file.

    Every method raises JournalUnavailableError where the file cannot be used now and JournalCorruptError where it was damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        ensure(path)
        self._inode = path.stat().st_ino
        self._writer = Writer(path, self._check_file)
        self._idle: list[sqlite3.Connection] = []
        self._watching: sqlite3.Connection | None = None
        self._version = 0
        with self._reading() as connection:
            (self.id,) = connection.execute("SELECT id FROM journal").fetchone()

    def append(self, entries: "Sequence[Entry]", *, patience: float | None = None) -> None:
        """Durable when it returns. Safe to repeat. Raises JournalUnavailableError after `patience` seconds."""
        from releaser.store.entries import append

        self._write(lambda connection: append(connection, self.path, entries), patience)

    def read(self, rollout: str) -> "Sequence[Entry]":
        """One rollout's entries in order, each checked against the chain; none for an unknown rollout."""
        return self.tail(rollout, -1)

    def tail(self, rollout: str, after_seq: int) -> "Sequence[Entry]":
        """As `read`, from the entry after number `after_seq` on."""
        from releaser.store.entries import entries_after

        with self._reading() as connection:
            return entries_after(connection, self.path, rollout, after_seq)

    def said(self, rollout: str, kind: str) -> Sequence[tuple[float, dict[str, Any]]]:
        """(wall, fields) of a rollout's events of one kind, each checked against the chain."""
        with self._reading() as connection:
            return rows.said(connection, self.path, rollout, kind)

    def head(self) -> tuple[str, int, str]:
        with self._reading() as connection:
            position, digest = rows.tail(connection)
        return self.id, position, digest.hex()

    def rollouts(self, environment: str | None = None, limit: int = 100, *, upkeep: bool = False) -> Sequence[Summary]:
        """The latest first: releases and ways back, with `upkeep` also what was done beside them."""
        where, parameters = rows.which(environment, upkeep=upkeep)
        with self._reading() as connection:
            return rows.summaries(connection, f"{where} ORDER BY first_position DESC LIMIT ?", (*parameters, limit))

    def rollout(self, rollout: str) -> Summary | None:
        with self._reading() as connection:
            return rows.summary_for(connection, rollout)

    def open_rollouts(self, environment: str | None = None, *, upkeep: bool = False) -> Sequence[Summary]:
        """Those that have not finished, the earliest first."""
        where, parameters = rows.which(environment, "outcome IS NULL", upkeep=upkeep)
        with self._reading() as connection:
            return rows.summaries(connection, f"{where} ORDER BY first_position", parameters)

    def verify(self, last: int | None = None) -> Sequence[str]:
        """The chain in short pages, whole or its `last` rows: a sentence for each problem (the first twenty), none if all is well."""
        from releaser.store import verify

        with self._reading() as connection:
            return verify.problems(connection, last)

    def check_against(self, journal_id: str, length: int, head: str) -> bool:
        """Whether a ledger's (id, length, head) speaks of this journal. Raises JournalCorruptError where ours has less or else."""
        from releaser.store import verify

        if journal_id != self.id:
            return False
        with self._reading() as connection:
            verify.check_against(connection, self.path, length, head)
        return True

    def prune(self, *, before: float, keep_rows: int = 0) -> "Pruned":
        """Remove rollouts that finished before this wall-clock time, but leave the last `keep_rows` rows."""
        from releaser.store import retention

        return retention.prune(self._write, before=before, keep_rows=keep_rows)

    def ask(self, environment: str, request: "Asked", moment: "Moment", *, rollout: str | None = None) -> int:
        """Leave a request for `rollout` (None: whatever runs there); `answer_of` the returned number tells what came of it."""
        from releaser.store import asked

        return self._write(lambda connection: asked.ask(connection, environment, rollout, moment, request), PATIENCE)

    def take(self, environment: str, rollout: str) -> "Sequence[Waiting]":
        """The requests that wait here for `rollout`; each goes to one caller only. Costs no lock where there are none."""
        from releaser.store import asked

        with self._reading() as connection:
            if not asked.any_waiting(connection, environment, rollout):
                return ()
        return self._write(lambda connection: asked.take(connection, environment, rollout), PATIENCE)

    def answer(self, number: int, text: str) -> None:
        from releaser.store import asked

        self._write(lambda connection: asked.answer(connection, number, text), PATIENCE)

    def answer_of(self, number: int) -> str | None:
        """None: no answer yet."""
        from releaser.store import asked

        with self._reading() as connection:
            return asked.answer_of(connection, number)

    def withdraw(self, number: int) -> bool:
        """Take a request back; False where somebody has taken it already and an answer will come."""
        from releaser.store import asked

        return self._write(lambda connection: asked.withdraw(connection, number), PATIENCE)

    def changed(self) -> int:
        """A number that differs once anybody has written: for one watcher that asks again every 50 ms. Reads no table."""
        with faults(self.path):
            self._check_file()
            self._watching = self._watching or connect(self.path, wait=0.0, read_only=True)
            try:
                (self._version,) = self._watching.execute("PRAGMA data_version").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:  # busy: a commit is under way and shows the next time
                    raise
        return self._version

    def close(self) -> None:
        self._writer.close()
        while self._idle:
            self._idle.pop().close()
        if self._watching:
            self._watching.close()
            self._watching = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, work: Callable[[sqlite3.Connection], T], patience: float | None) -> T:
        return self._writer.run(work, patience)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one caller; it goes back to the idle ones unless something failed on it."""
        with faults(self.path):
            self._check_file()
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = connect(self.path, read_only=True)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    def _check_file(self) -> None:
        """SQLite would go on writing, unnoticed, to a file that has lost its name."""
        try:
            there = self.path.stat().st_ino
        except FileNotFoundError:
            there = None
        if there != self._inode:
            raise corrupt(self.path, "the file was removed or replaced while it was in use")
