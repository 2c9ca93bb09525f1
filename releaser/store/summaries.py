"""What is one rollout, told in one row? A fold of its entries that the journal keeps beside them, for history and status."""

import json
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from releaser.store.faults import DamagedError

__all__ = ["COLUMNS", "RELEASES", "Row", "Summary", "storable", "summary_from_rows", "summary_of"]


@dataclass(frozen=True, slots=True)
class Summary:
    """`opened` and `finished` are wall-clock seconds, for people; `outcome` is None while the rollout is open."""

    rollout: str
    environment: str
    kind: str
    """One of RELEASES, or "recover" or "adopt"."""
    release: str
    version: str
    origin: str | None
    """The release that answered before; None: there was none."""
    playbook: str
    by: str
    reason: str
    opened: float
    outcome: str | None
    """A word of `Outcome`, or one of a later version."""
    why: str
    finished: float | None
    seconds_to_stable: float | None
    """From the decision to go back to the last router's read-back."""
    last_seq: int
    last_kind: str


COLUMNS = tuple(field.name for field in fields(Summary))
RELEASES = ("promote", "rollback")
"""Kinds of rollouts that bring a release; the others are upkeep."""
Row = tuple[str, int, float, str]
KINDS = tuple(get_type_hints(Summary).values())


def summary_of(row: tuple[Any, ...]) -> Summary:
    """A row of COLUMNS as the store has it. Raises DamagedError for a value that no column of ours can hold."""
    for value, column, kinds in zip(row, COLUMNS, KINDS, strict=True):
        if not isinstance(value, kinds):
            raise DamagedError(f"the summary of rollout {row[0]} has {value!r} as its {column}")
    return Summary(*row)


def summary_from_rows(first: Row, finishing: Row | None, last: Row) -> Summary:
    """The same from (rollout, seq, wall, event text) of three rows, without building what is in them: for a million rows.

    Raises ValueError, KeyError or TypeError for text that is not what its place in the rollout asks for.
    """
    rollout, _, opened, text = first
    event = json.loads(text)
    plan, end = event["plan"], json.loads(finishing[3]) if finishing else None
    return Summary(
        rollout=rollout,
        environment=plan["environment"],
        kind=plan["kind"],
        release=plan["to"]["id"],
        version=plan["to"]["version"],
        origin=plan["origin"],
        playbook=plan["playbook"],
        by=storable(event["by"]),
        reason=storable(event["reason"]),
        opened=opened,
        outcome=end["outcome"] if end else None,
        why=storable(end["why"]) if end else "",
        finished=finishing[2] if finishing else None,
        seconds_to_stable=end["seconds_to_stable"] if end else None,
        last_seq=last[1],
        last_kind=json.loads(last[3])["kind"],
    )


def storable(text: str) -> str:
    """A command line may hold bytes that are not UTF-8; the event keeps them escaped, a column cannot."""
    return text.encode("utf-8", "backslashreplace").decode()
