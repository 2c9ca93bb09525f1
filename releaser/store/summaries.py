"""What is one rollout, told in one row? A fold of its entries that the journal keeps beside them, for history and status."""

import json
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from releaser.core.codec import kind_of
from releaser.core.events import Entry, Finished, Opened
from releaser.store.faults import DamagedError

__all__ = ["COLUMNS", "Row", "Summary", "storable", "summarise", "summary_from_rows", "summary_of"]


@dataclass(frozen=True, slots=True)
class Summary:
    """`opened` and `finished` are wall-clock seconds, for people; `outcome` is None while the rollout is open."""

    rollout: str
    environment: str
    kind: str
    """"promote" or "rollback"."""
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
Row = tuple[str, int, float, str]
KINDS = tuple(get_type_hints(Summary).values())


def summarise(summary: Summary | None, entry: Entry) -> Summary:
    """The summary after one more entry. Raises ValueError for a rollout that does not begin with Opened, numbered 0."""
    event = entry.event
    if summary is None:
        if not isinstance(event, Opened) or entry.seq != 0:
            raise ValueError(
                f"the first entry of rollout {entry.rollout} is {kind_of(event)} number {entry.seq}, not Opened"
            )
        return _opened(entry, event)
    changed = replace(summary, last_seq=entry.seq, last_kind=kind_of(event))
    if isinstance(event, Finished):
        return replace(
            changed,
            outcome=str(event.outcome),
            why=storable(event.why),
            finished=entry.moment.wall,
            seconds_to_stable=event.seconds_to_stable,
        )
    return changed


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


def _opened(entry: Entry, event: Opened) -> Summary:
    plan = event.plan
    return Summary(
        rollout=entry.rollout,
        environment=plan.environment,
        kind=plan.kind,
        release=plan.to.id,
        version=plan.to.version,
        origin=plan.origin,
        playbook=plan.playbook,
        by=storable(event.by),
        reason=storable(event.reason),
        opened=entry.moment.wall,
        outcome=None,
        why="",
        finished=None,
        seconds_to_stable=None,
        last_seq=entry.seq,
        last_kind=kind_of(event),
    )


def storable(text: str) -> str:
    """A command line may hold bytes that are not UTF-8; the event keeps them escaped, a column cannot."""
    return text.encode("utf-8", "backslashreplace").decode()
