"""What stands at the journal's end, and in its summaries? Checked rows as they are; entries.py makes events of them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from releaser.store.chain import fits
from releaser.store.faults import corrupt
from releaser.store.summaries import COLUMNS, RELEASES, Summary, summary_of

__all__ = ["checkpoint", "hash_at", "held", "said", "summaries", "summary_for", "tail", "which"]

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


def summaries(connection: sqlite3.Connection, condition: str, values: Iterable[Any]) -> Sequence[Summary]:
    """Rollouts under an SQL condition of ours ("WHERE ... ORDER BY ... LIMIT ?")."""
    return [summary_of(row) for row in connection.execute(f"{SELECT_SUMMARY} {condition}", tuple(values)).fetchall()]


def which(environment: str | None, *conditions: str, upkeep: bool) -> tuple[str, tuple[str, ...]]:
    """(WHERE clause, its parameters) for the rollouts of one environment or of all, with or without what is no release.

    `conditions` have an index of their own, which is the one to use: the + takes the environment's out of consideration.
    """
    kinds = () if upkeep else RELEASES
    of_kind = (f"kind IN ({', '.join('?' * len(kinds))})",) if kinds else ()
    of_place = () if environment is None else (f"{'+' if conditions else ''}environment = ?",)
    every = (*of_kind, *of_place, *conditions)
    parameters = (*kinds, *(() if environment is None else (environment,)))
    return (f"WHERE {' AND '.join(every)}" if every else ""), parameters


def summary_for(connection: sqlite3.Connection, rollout: str) -> Summary | None:
    return next(iter(summaries(connection, "WHERE rollout = ?", (rollout,))), None)


def held(connection: sqlite3.Connection, path: Path, rollout: str, after: int) -> Iterator[tuple[Any, ...]]:
    """(position, rollout, seq, at, boot, wall, event) of a rollout's rows after `after`, each checked, in short pages."""
    while page := connection.execute(SELECT_PAGE, (rollout, after, PAGE)).fetchall():
        for *content, digest, previous in page:
            if not fits(previous, tuple(content), digest):
                problem = (
                    f"row {content[0]} (event {content[2]} of rollout {content[1]}) does not fit the rows before it"
                )
                raise corrupt(path, problem)
            after = content[2]
            yield tuple(content)


def said(connection: sqlite3.Connection, path: Path, rollout: str, kind: str) -> list[tuple[float, dict[str, Any]]]:
    """(wall, fields) of a rollout's events of one kind."""
    words = f'"kind":"{kind}"'
    found = ((row[5], json.loads(row[6])) for row in held(connection, path, rollout, -1) if words in row[6])
    return [(wall, event) for wall, event in found if event["kind"] == kind]
