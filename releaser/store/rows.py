"""How do entries become rows of the journal's file, and how do rows become entries again, checked?"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from releaser.core.codec import decode_event, encode_event, kind_of
from releaser.core.events import Entry
from releaser.core.values import Moment
from releaser.store.chain import fits, link, row_text
from releaser.store.faults import corrupt, unavailable
from releaser.store.schema import transaction
from releaser.store.summaries import COLUMNS, Summary, summarise, summary_of

__all__ = ["append", "checkpoint", "entries_after", "hash_at", "summaries", "summary_for", "tail"]

PAGE = 500
"""Rows of one SELECT: about 4 ms, for until it ends no commit can."""

SELECT_PAGE = """
    SELECT event.position, event.rollout, event.seq, event.at, event.boot, event.wall, event.event, event.hash,
        coalesce(previous.hash, (SELECT pruned_hash FROM journal WHERE pruned = event.position - 1))
    FROM event LEFT JOIN event AS previous ON previous.position = event.position - 1
    WHERE event.rollout = ? AND event.seq > ? ORDER BY event.seq LIMIT ?
"""
SELECT_SUMMARY = f"SELECT {', '.join(COLUMNS)} FROM rollout"  # noqa: S608  column names of our own dataclass


def tail(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """(position, hash) of the last row, or of the checkpoint where there is none."""
    row: tuple[int, bytes] | None
    row = connection.execute("SELECT position, hash FROM event ORDER BY position DESC LIMIT 1").fetchone()
    return row or checkpoint(connection)


def checkpoint(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """(position, hash) of the last row that was pruned; in a journal that keeps all of them 0 and its first hash."""
    row: tuple[int, bytes] = connection.execute("SELECT pruned, pruned_hash FROM journal").fetchone()
    return row


def hash_at(connection: sqlite3.Connection, position: int) -> bytes | None:
    """None: there is no such row, or it was pruned and is not the checkpoint."""
    row = connection.execute("SELECT hash FROM event WHERE position = ?", (position,)).fetchone()
    row = row or connection.execute("SELECT pruned_hash FROM journal WHERE pruned = ?", (position,)).fetchone()
    return row[0] if row else None


def append(connection: sqlite3.Connection, path: Path, entries: Sequence[Entry]) -> None:
    """All of them in one transaction. What is there already is left alone, if it says the same.

    Raises JournalCorruptError where it says something else, JournalUnavailableError where an earlier entry is missing.
    """
    with transaction(connection):
        position, previous = tail(connection)
        known = {rollout: summary_for(connection, rollout) for rollout in {entry.rollout for entry in entries}}
        for entry in entries:
            summary = known[entry.rollout]
            if summary and entry.seq <= summary.last_seq:
                _compare(connection, path, entry)
                continue
            if entry.seq != (summary.last_seq + 1 if summary else 0):
                problem = f"lacks what came before event {entry.seq} of rollout {entry.rollout}"
                raise unavailable(path, problem, "bring back the earlier events first: `releaser recover`")
            position += 1
            previous = _insert(connection, position, previous, entry)
            known[entry.rollout] = changed = summarise(summary, entry)
            _keep(connection, changed, position, new=summary is None)


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


def summaries(connection: sqlite3.Connection, condition: str, values: Iterable[Any]) -> Sequence[Summary]:
    """Rollouts under an SQL condition of ours ("WHERE ... ORDER BY ... LIMIT ?")."""
    return [summary_of(row) for row in connection.execute(f"{SELECT_SUMMARY} {condition}", tuple(values)).fetchall()]


def summary_for(connection: sqlite3.Connection, rollout: str) -> Summary | None:
    return next(iter(summaries(connection, "WHERE rollout = ?", (rollout,))), None)


def _entries(connection: sqlite3.Connection, path: Path, rollout: str, after: int) -> Iterator[Entry]:
    while page := connection.execute(SELECT_PAGE, (rollout, after, PAGE)).fetchall():
        for row in page:
            entry = _checked(path, row)
            after = entry.seq
            yield entry


def _insert(connection: sqlite3.Connection, position: int, previous: bytes, entry: Entry) -> bytes:
    moment = entry.moment
    # As SQLite gives them back: floats, and no -0.0.
    row = (
        position, entry.rollout, entry.seq, float(moment.at) + 0.0, moment.boot, float(moment.wall) + 0.0,
        encode_event(entry.event),
    )  # fmt: skip
    digest = link(previous, row_text(row))
    connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, digest))
    return digest


def _compare(connection: sqlite3.Connection, path: Path, entry: Entry) -> None:
    """The same number with the same content is a repeat; with another it is two writers or an edited file."""
    there = connection.execute(
        "SELECT at, boot, wall, event FROM event WHERE rollout = ? AND seq = ?", (entry.rollout, entry.seq)
    ).fetchone()
    moment = entry.moment
    if there != (moment.at, moment.boot, moment.wall, encode_event(entry.event)):
        name = f"event {entry.seq} of rollout {entry.rollout}"
        raise corrupt(
            path, f"{name} is there already and differs from the {kind_of(entry.event)} that was to be written"
        )


def _keep(connection: sqlite3.Connection, summary: Summary, position: int, *, new: bool) -> None:
    if new:
        values = (*(getattr(summary, column) for column in COLUMNS), position, position)
        connection.execute(f"INSERT INTO rollout VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608  only "?"
        return
    connection.execute(
        "UPDATE rollout SET last_seq = ?, last_kind = ?, last_position = ? WHERE rollout = ?",
        (summary.last_seq, summary.last_kind, position, summary.rollout),
    )
    if summary.outcome is not None:
        connection.execute(
            "UPDATE rollout SET outcome = ?, why = ?, finished = ?, seconds_to_stable = ? WHERE rollout = ?",
            (summary.outcome, summary.why, summary.finished, summary.seconds_to_stable, summary.rollout),
        )


def _checked(path: Path, row: tuple[Any, ...]) -> Entry:
    *content, digest, previous = row
    position, rollout, seq, at, boot, wall, text = content
    if not fits(previous, tuple(content), digest):
        raise corrupt(path, f"row {position} (event {seq} of rollout {rollout}) does not fit the rows before it")
    try:
        return Entry(rollout, seq, Moment(at, boot, wall), decode_event(text))
    except ValueError as fault:
        raise corrupt(path, f"row {position} (event {seq} of rollout {rollout}) cannot be read: {fault}") from fault
