"""Is the journal whole: every row in its place, as it was written, and with the summaries that follow from it?"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from releaser.store.chain import fits
from releaser.store.faults import DamagedError, corrupt
from releaser.store.rows import checkpoint, hash_at, summary_for, tail
from releaser.store.summaries import Row, Summary, summary_from_rows

__all__ = ["check_against", "problems"]

AS_NEW = "releaser journal restore FILE --as-new, where no later backup exists"
MOST = 20
PAGE = 1000
"""Rows of one SELECT: a few milliseconds, for until it ends no commit can."""

SELECT = (
    "SELECT position, rollout, seq, at, boot, wall, event, hash FROM event WHERE position > ? ORDER BY position LIMIT ?"
)


@dataclass(slots=True)
class Told:
    """The rows of a rollout that its summary follows from."""

    first: Row
    finishing: Row | None
    last: Row


def problems(connection: sqlite3.Connection, last: int | None = None) -> Sequence[str]:
    """A sentence for each problem, the first twenty; of the `last` rows (100,000 take about a second), or of all.

    No writer waits for it.
    """
    told: dict[str, Told] = {}
    start, digest = _start(connection, last)
    found = list(islice(_chain(connection, told, start, digest), MOST))
    if found:  # summaries of rows that do not hold mean nothing
        return found
    return list(islice(_summaries(connection, told, 0 if last is None else start), MOST))


def check_against(connection: sqlite3.Connection, path: Path, length: int, head: str) -> None:
    """Raises JournalCorruptError unless row `length` is there with the hash `head`, or was pruned."""
    (last, _), (pruned, _) = tail(connection), checkpoint(connection)
    if last < length:
        raise corrupt(path, f"it ends at row {last}, but a router's ledger knows {length} rows, so it was cut", AS_NEW)
    there = hash_at(connection, length)
    if there is None and length < pruned:
        return
    if there is None or there.hex() != head:
        raise corrupt(path, f"row {length} is not the one that a router's ledger knows")


def _start(connection: sqlite3.Connection, last: int | None) -> tuple[int, bytes]:
    """(position, hash) of the row before the first that is to be walked; the whole chain where that row is missing."""
    first = checkpoint(connection)
    if last is None:
        return first
    before = tail(connection)[0] - last
    digest = hash_at(connection, before) if before > first[0] else None
    return (before, digest) if digest else first


def _chain(connection: sqlite3.Connection, told: dict[str, Told], position: int, previous: Any) -> Iterator[str]:
    """Walk the rows after `position`; those that fit are added to `told`. After a problem the walk goes on from the row as it is."""
    while page := connection.execute(SELECT, (position, PAGE)).fetchall():
        for *content, digest in page:
            row = tuple(content)
            if row[0] != position + 1:
                pruned, pruned_hash = checkpoint(connection)
                if pruned + 1 == row[0]:  # somebody pruned while we walked
                    position, previous = pruned, pruned_hash
            if row[0] != position + 1:
                yield f"{_rows(position + 1, row[0] - 1)} missing"
            elif not fits(previous, row, digest):
                yield f"row {row[0]} (event {row[2]} of rollout {row[1]}) was changed, or moved, or the row before it was"
            else:
                _tell(told, row)
            position, previous = row[0], digest


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"


def _tell(told: dict[str, Told], row: tuple[Any, ...]) -> None:
    """Add a row that fits to what its rollout has said: the first and the finishing event matter, and the last."""
    _, rollout, seq, _, _, wall, text = row
    short = (rollout, seq, wall, text)
    said = told.get(rollout)
    if said:
        said.last = short
    elif seq == 0:
        said = told[rollout] = Told(short, None, short)
    else:
        return  # the rest of a rollout that a prune under way has begun to remove
    if '"kind":"Finished"' in text:
        said.finishing = short


def _summaries(connection: sqlite3.Connection, told: dict[str, Told], after: int) -> Iterator[str]:
    """Compare the summaries of rollouts that begin after row `after` with what their rows say."""
    for rollout, said in told.items():
        try:
            expected = summary_from_rows(said.first, said.finishing, said.last)
        except (ValueError, KeyError, TypeError):
            yield f"the first or the last event of rollout {rollout} cannot be read"
            continue
        if problem := _differs(connection, expected):
            yield problem
    for (rollout,) in connection.execute("SELECT rollout FROM rollout WHERE first_position > ?", (after,)).fetchall():
        if rollout not in told and not _has_event(connection, rollout, 0):
            yield f"rollout {rollout} has a summary and no events"


def _differs(connection: sqlite3.Connection, expected: Summary) -> str | None:
    """What is wrong with a rollout's summary. Entries that were added while we walked are no problem."""
    rollout = expected.rollout
    try:
        stored = summary_for(connection, rollout)
    except DamagedError as fault:
        return str(fault)
    if stored is None:
        pruned = not _has_event(connection, rollout, 0)
        return None if pruned else f"rollout {rollout} has events and no summary"
    if stored.last_seq > expected.last_seq:
        there = _has_event(connection, rollout, stored.last_seq)
        return None if there else f"event {stored.last_seq} of rollout {rollout} is missing, the last that was written"
    return None if stored == expected else f"the summary of rollout {rollout} does not say what its events say"


def _has_event(connection: sqlite3.Connection, rollout: str, seq: int) -> bool:
    found = connection.execute("SELECT 1 FROM event WHERE rollout = ? AND seq = ?", (rollout, seq))
    return found.fetchone() is not None
