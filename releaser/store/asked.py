"""How do two processes on one machine ask each other for something? By rows in the journal's file, outside its chain.

What is asked for becomes history only when the process that runs the rollout journals it as `Asked`.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from releaser.core.codec import decode_event, encode_event
from releaser.core.events import Asked
from releaser.core.values import Moment
from releaser.store.schema import transaction
from releaser.store.summaries import storable

__all__ = ["Waiting", "answer", "answer_of", "any_waiting", "ask", "forget", "take", "withdraw"]

TOO_OLD = "the releaser that runs this release does not know this request; update it, or use its own version to ask"

MEANT = "FROM request WHERE environment = ? AND taken = 0 AND (rollout IS NULL OR rollout = ?)"
"""Parameters: environment, rollout."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request as it lies there. `rollout` None: meant for whatever runs in the environment."""

    id: int
    environment: str
    rollout: str | None
    moment: Moment
    asked: Asked


def ask(connection: sqlite3.Connection, environment: str, rollout: str | None, moment: Moment, asked: Asked) -> int:
    values = (environment, rollout, moment.at, moment.boot, moment.wall, encode_event(asked))
    with transaction(connection):
        row = connection.execute(
            "INSERT INTO request (environment, rollout, at, boot, wall, asked) VALUES (?, ?, ?, ?, ?, ?)", values
        )
    return row.lastrowid or 0


def any_waiting(connection: sqlite3.Connection, environment: str, rollout: str) -> bool:
    """Whether `take` would find something. Takes no write lock."""
    return connection.execute(f"SELECT 1 {MEANT} LIMIT 1", (environment, rollout)).fetchone() is not None


def take(connection: sqlite3.Connection, environment: str, rollout: str) -> Sequence[Waiting]:
    """What nobody has taken yet and is meant for `rollout`, oldest first; from now on it is this caller's alone.

    A request that its own rollout did not live to hear stays where it is: the next one must not be aborted by it. A later
    version's requests are answered with a no.
    """
    taken = []
    with transaction(connection):
        for request in _rows(connection, environment, rollout):
            if isinstance(request, Waiting):
                connection.execute("UPDATE request SET taken = 1 WHERE id = ?", (request.id,))
                taken.append(request)
            else:
                connection.execute("UPDATE request SET taken = 1, answer = ? WHERE id = ?", (TOO_OLD, request))
    return taken


def answer(connection: sqlite3.Connection, number: int, text: str) -> None:
    with transaction(connection):
        connection.execute("UPDATE request SET answer = ?, taken = 1 WHERE id = ?", (storable(text), number))


def answer_of(connection: sqlite3.Connection, number: int) -> str | None:
    row = connection.execute("SELECT answer FROM request WHERE id = ?", (number,)).fetchone()
    return row[0] if row else None


def withdraw(connection: sqlite3.Connection, number: int) -> bool:
    """Take it back, if nobody has taken it yet: a request that nobody heard must not wait for the next release."""
    with transaction(connection):
        return connection.execute("DELETE FROM request WHERE id = ? AND taken = 0", (number,)).rowcount == 1


def forget(connection: sqlite3.Connection, before: float) -> None:
    """Remove what was asked before this wall-clock time."""
    connection.execute("DELETE FROM request WHERE wall < ?", (before,))


def _rows(connection: sqlite3.Connection, environment: str, rollout: str) -> Sequence[Waiting | int]:
    """Untaken requests; of one that this version does not understand only the number."""
    select = f"SELECT id, rollout, at, boot, wall, asked {MEANT} ORDER BY id"
    rows = connection.execute(select, (environment, rollout)).fetchall()
    return [
        Waiting(number, environment, meant, Moment(at, boot, wall), asked) if (asked := _asked(text)) else number
        for number, meant, at, boot, wall, text in rows
    ]


def _asked(text: str) -> Asked | None:
    try:
        event = decode_event(text)
    except ValueError:
        return None
    return event if isinstance(event, Asked) else None
