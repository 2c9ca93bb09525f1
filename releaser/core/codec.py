"""How events, commands, plans and entries become JSON text and come back: canonical, additive, one form for every store.

Additive means: a missing field takes its default, an unknown field is ignored, and an event with an unknown kind (or an
unknown word inside a known one) comes back as `Unrecognised`, which encodes to the very text that it came from.
Every decoder raises ValueError, and nothing else, for text that does not hold together.
"""

import json
from hashlib import sha256
from typing import Any, NoReturn, Union, cast, get_args

from releaser.core.commands import Command
from releaser.core.events import Entry, Event, Unrecognised
from releaser.core.forms import UnknownWordError, an_object, fields_from_data, from_data, to_data
from releaser.core.plan import Plan

__all__ = [
    "decode_command",
    "decode_entry",
    "decode_event",
    "decode_plan",
    "encode_command",
    "encode_entry",
    "encode_event",
    "encode_plan",
    "kind_of",
    "plan_digest",
]

KNOWN: Any = Union[tuple(kind for kind in get_args(Event) if kind is not Unrecognised)]  # noqa: UP007  made at run time


def encode_event(event: Event) -> str:
    if isinstance(event, Unrecognised):
        return event.body
    return _dump(to_data(KNOWN, event))


def decode_event(text: str) -> Event:
    data = _load(text)
    return _event(data, text)


def encode_command(command: Command) -> str:
    return _dump(to_data(Command, command))


def decode_command(text: str) -> Command:
    return from_data(cast("type[Command]", Command), _load(text))


def encode_plan(plan: Plan) -> str:
    return _dump(to_data(Plan, plan))


def decode_plan(text: str) -> Plan:
    return from_data(Plan, _load(text))


def plan_digest(plan: Plan) -> str:
    """sha256 over the plan's canonical JSON: 64 hex digits, the same on every machine."""
    return sha256(encode_plan(plan).encode()).hexdigest()


def encode_entry(entry: Entry) -> str:
    """One line for a spool or an export; a store keeps the parts in columns of their own."""
    data = {"rollout": entry.rollout, "seq": entry.seq, "moment": to_data(type(entry.moment), entry.moment)}
    event = entry.event
    data["event"] = _load(event.body) if isinstance(event, Unrecognised) else to_data(KNOWN, event)
    return _dump(data)


def decode_entry(text: str) -> Entry:
    data = an_object(_load(text))
    event = _event(data.get("event"), None)
    # The reader of an Entry's other fields is built once; the event has its own way because of Unrecognised.
    rest = fields_from_data(Entry, frozenset({"event"}))(data)
    return Entry(event=event, **rest)


def kind_of(event: Event) -> str:
    """The event's kind as the journal has it: for an unrecognised one the later version's word."""
    return event.kind if isinstance(event, Unrecognised) else type(event).__name__


def _event(data: Any, text: str | None) -> Event:
    try:
        return cast("Event", from_data(KNOWN, data))
    except UnknownWordError:
        return Unrecognised(data["kind"], _dump(data) if text is None else text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number that the journal keeps")


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_strict = json.JSONDecoder(parse_constant=_refuse)


def _dump(data: Any) -> str:
    try:
        return _canonical.encode(data)
    except RecursionError:
        raise ValueError("the value is nested too deeply to be one of ours") from None


def _load(text: str) -> Any:
    try:
        return _strict.decode(text)
    except RecursionError:
        raise ValueError("the text is nested too deeply to be one of ours") from None
