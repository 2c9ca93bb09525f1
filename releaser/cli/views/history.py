"""How do past releases read: a table of all, and the story of one?"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from releaser.cli.lines import KEYS, Line, Style, aligned, line
from releaser.cli.render import clock_time, day_time
from releaser.core.phrases import say_seconds
from releaser.store.summaries import Summary

if TYPE_CHECKING:
    from releaser.core.events import Entry

__all__ = ["documents_of", "history_lines", "story_lines", "summary_document"]

ENDS: dict[str, tuple[str, Style]] = {
    "promoted": ("promoted", "good"),
    "rolled_back": ("rolled back", "warn"),
    "incomplete": ("INCOMPLETE", "bad"),
}

UPKEEP: dict[str, tuple[str, Style]] = {"recover": ("recovered", "good"), "adopt": ("adopted", "good")}
"""What went well beside the releases."""


def history_lines(found: Sequence[Summary]) -> list[Line]:
    if not found:
        return [line("no release yet; the first one: releaser promote VERSION -e ENV")]
    lines: list[Line] = []
    for one, table_line in zip(found, aligned([_row(one) for one in found]), strict=True):
        why = _why(one)
        lines += [table_line, *([line(" " * KEYS, why)] if why else [])]
    return lines


def _why(one: Summary) -> str:
    """On a line of its own: a column for it would be a few words wide. That a release went well needs no reason."""
    return one.reason if one.outcome in ("promoted", None) else one.why or one.reason


def _row(one: Summary) -> tuple[Line, ...]:
    seconds = f" in {say_seconds(one.seconds_to_stable)}" if one.seconds_to_stable is not None else ""
    end = ENDS.get(one.outcome, (one.outcome, "")) if one.outcome else ("running", "strong")
    if one.outcome == "unchanged":
        end = UPKEEP.get(one.kind, end)
    kind = "back to " if one.kind == "rollback" else ""
    return (
        line(day_time(one.opened)),
        line(one.environment),
        line(f"{kind}{one.version}"),
        line(end, seconds),
        line(one.by),
    )


def summary_document(one: Summary) -> dict[str, Any]:
    """One release for machines; times are wall-clock seconds."""
    return {
        "rollout": one.rollout, "environment": one.environment, "kind": one.kind, "release": one.release,
        "version": one.version, "from": one.origin, "playbook": one.playbook, "by": one.by, "reason": one.reason,
        "opened": one.opened, "finished": one.finished, "outcome": one.outcome or "running", "why": one.why,
        "seconds": one.seconds_to_stable,
    }  # fmt: skip


def documents_of(entries: "Sequence[Entry]") -> list[dict[str, Any]]:
    """The events of one release for machines, each with its sentence."""
    from releaser.core.codec import encode_event
    from releaser.core.story import narrate

    return [
        {"seq": entry.seq, "at": entry.moment.wall, "text": sentence, "event": json.loads(encode_event(entry.event))}
        for entry, sentence in narrate(entries)
    ]


def story_lines(entries: "Sequence[Entry]", summary: Summary, *, everything: bool) -> list[Line]:
    from releaser.core.events import Issued
    from releaser.core.story import narrate

    heading = line(
        (summary.environment, "strong"), f"  {summary.rollout}  {summary.release}  {day_time(summary.opened)}"
    )
    told = [
        line(clock_time(entry.moment.wall), "  ", sentence)
        for entry, sentence in narrate(entries)
        if everything or not isinstance(entry.event, Issued)
    ]
    return [heading, *told]
