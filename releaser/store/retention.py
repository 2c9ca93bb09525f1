"""Which rows of the journal may go, and what stays in their place?

Only rows from the beginning go, up to a checkpoint that keeps the position and the hash of the last of them, so that the
chain still holds from there. A rollout goes as a whole; an open one keeps itself and all that came after it.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from releaser.store import asked
from releaser.store.rows import hash_at, tail
from releaser.store.schema import transaction

__all__ = ["Pruned", "prune"]

T = TypeVar("T")
BATCH = 500
"""Rows of one transaction: other writers wait for one at most."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows went, and the open rollout that keeps the rest from going, if one does."""

    rows: int
    kept_by: str | None


class Write(Protocol):
    def __call__(self, work: Callable[[sqlite3.Connection], T], patience: float | None) -> T: ...


def prune(write: Write, *, before: float, keep_rows: int) -> Pruned:
    """Remove rollouts that finished before this wall-clock time, except from the last `keep_rows` rows.

    Killed in the middle, it leaves a journal that holds and the rest to the next call.
    """
    start, end, kept_by = write(lambda connection: _range(connection, before, keep_rows), None)
    for position in (*range(start + BATCH, end, BATCH), end):
        if position > start:
            write(partial(_remove, position=position), None)
    write(lambda connection: asked.forget(connection, before), None)
    return Pruned(max(0, end - start), kept_by)


def _range(connection: sqlite3.Connection, before: float, keep_rows: int) -> tuple[int, int, str | None]:
    """(checkpoint now, checkpoint afterwards, the open rollout that stands in the way)."""
    (start,) = connection.execute("SELECT pruned FROM journal").fetchone()
    end = max(start, tail(connection)[0] - keep_rows)
    kept = connection.execute(
        "SELECT rollout, outcome, first_position FROM rollout WHERE outcome IS NULL OR finished >= ? OR last_position > ?"
        " ORDER BY first_position LIMIT 1",
        (before, end),
    ).fetchone()
    kept_by = None
    if kept and kept[2] <= end:
        kept_by = kept[0] if kept[1] is None else None
        end = kept[2] - 1
    while (astride := _first_astride(connection, end)) is not None:
        end = astride - 1
    return start, end, kept_by


def _first_astride(connection: sqlite3.Connection, end: int) -> int | None:
    """Where the first rollout begins that has rows on both sides of `end`."""
    found: tuple[int | None] = connection.execute(
        "SELECT min(first_position) FROM rollout WHERE first_position <= ? AND last_position > ?", (end, end)
    ).fetchone()
    return found[0]


def _remove(connection: sqlite3.Connection, position: int) -> None:
    with transaction(connection):
        connection.execute("UPDATE journal SET pruned = ?, pruned_hash = ?", (position, hash_at(connection, position)))
        connection.execute("DELETE FROM event WHERE position <= ?", (position,))
        connection.execute("DELETE FROM rollout WHERE first_position <= ?", (position,))
