"""How do entries become rows of the journal's file, and how do rows become entries again, checked?"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from releaser.core.codec import decode_event, encode_event, kind_of
from releaser.core.events import Entry, Finished
from releaser.core.values import Moment
from releaser.store.chain import link, row_text
from releaser.store.faults import DamagedError, corrupt, unavailable
from releaser.store.rows import held, summary_for, tail
from releaser.store.schema import transaction
from releaser.store.summaries import COLUMNS
from releaser.store.summarising import ending_of, summarise

__all__ = ["append", "entries_after"]


def append(connection: sqlite3.Connection, path: Path, entries: Sequence[Entry]) -> None:
    """All of them in one transaction. What is there already is left alone, if it says the same.

    Raises JournalCorruptError where it says something else, JournalUnavailableError where an earlier entry is missing.
    """
    texts = [encode_event(entry.event) for entry in entries]  # before the lock is taken
    with transaction(connection):
        position, previous = tail(connection)
        last_seqs = {rollout: _last_seq(connection, rollout) for rollout in {entry.rollout for entry in entries}}
        grown: dict[str, tuple[Entry, int]] = {}
        for entry, text in zip(entries, texts, strict=True):
            last = last_seqs[entry.rollout]
            if entry.seq <= last:
                _compare(connection, path, entry, text)
                continue
            if entry.seq != last + 1:
                problem = f"lacks what came before event {entry.seq} of rollout {entry.rollout}"
                raise unavailable(path, problem, "bring back the earlier events first: `releaser recover`")
            position += 1
            previous = _insert(connection, position, previous, entry, text)
            _begin_or_end(connection, entry, position)
            last_seqs[entry.rollout], grown[entry.rollout] = entry.seq, (entry, position)
        for entry, where in grown.values():
            _grow(connection, entry, where)


def entries_after(connection: sqlite3.Connection, path: Path, rollout: str, after: int) -> Sequence[Entry]:
    """A rollout's entries with a higher number, each checked against the chain and for gaps, in short pages."""
    summary = summary_for(connection, rollout)
    if summary is None:
        return ()
    entries = list(_entries(connection, path, rollout, after))
    last = max([summary.last_seq, *(entry.seq for entry in entries[-1:])])
    missing = set(range(after + 1, last + 1)) - {entry.seq for entry in entries}
    if not missing:
        return entries
    if summary_for(connection, rollout) is None:
        return ()  # it was pruned while we read
    raise corrupt(path, f"event {min(missing)} of rollout {rollout} is missing")


def _entries(connection: sqlite3.Connection, path: Path, rollout: str, after: int) -> Iterator[Entry]:
    for position, _, seq, at, boot, wall, text in held(connection, path, rollout, after):
        try:
            yield Entry(rollout, seq, Moment(at, boot, wall), decode_event(text))
        except ValueError as fault:
            raise corrupt(path, f"row {position} (event {seq} of rollout {rollout}) cannot be read: {fault}") from fault


def _last_seq(connection: sqlite3.Connection, rollout: str) -> int:
    """-1: nothing of this rollout is there yet. Raises DamagedError for what is no number."""
    row = connection.execute("SELECT last_seq FROM rollout WHERE rollout = ?", (rollout,)).fetchone()
    if row is None:
        return -1
    if not isinstance(row[0], int):
        raise DamagedError(f"the summary of rollout {rollout} has {row[0]!r} as its last_seq")
    return row[0]


def _insert(connection: sqlite3.Connection, position: int, previous: bytes, entry: Entry, text: str) -> bytes:
    moment = entry.moment
    # As SQLite gives them back: floats, and no -0.0.
    row = (
        position, entry.rollout, entry.seq, float(moment.at) + 0.0, moment.boot, float(moment.wall) + 0.0, text,
    )  # fmt: skip
    digest = link(previous, row_text(row))
    connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest))
    return digest


def _compare(connection: sqlite3.Connection, path: Path, entry: Entry, text: str) -> None:
    """The same number with the same content is a repeat; with another it is two writers or an edited file."""
    there = connection.execute(
        "SELECT at, boot, wall, event FROM event WHERE rollout = ? AND seq = ?", (entry.rollout, entry.seq)
    ).fetchone()
    moment = entry.moment
    if there != (moment.at, moment.boot, moment.wall, text):
        name = f"event {entry.seq} of rollout {entry.rollout}"
        raise corrupt(
            path, f"{name} is there already and differs from the {kind_of(entry.event)} that was to be written"
        )


def _begin_or_end(connection: sqlite3.Connection, entry: Entry, position: int) -> None:
    """Raises ValueError for a rollout that does not begin with Opened."""
    if entry.seq == 0:
        summary = summarise(None, entry)
        values = (*(getattr(summary, column) for column in COLUMNS), position, position)
        connection.execute(f"INSERT INTO rollout VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608  only "?"
    elif isinstance(entry.event, Finished):
        connection.execute(
            "UPDATE rollout SET outcome = ?, why = ?, finished = ?, seconds_to_stable = ? WHERE rollout = ?",
            (*ending_of(entry.event, entry.moment.wall), entry.rollout),
        )


def _grow(connection: sqlite3.Connection, entry: Entry, position: int) -> None:
    connection.execute(
        "UPDATE rollout SET last_seq = ?, last_kind = ?, last_position = ? WHERE rollout = ?",
        (entry.seq, kind_of(entry.event), position, entry.rollout),
    )
