"""How is a rollout changed at all? Into a new one with some fields of its own; the three verbs of every handler. (pure)"""

from collections.abc import Callable, Mapping
from typing import Any

from releaser.core.commands import Command, subject_of
from releaser.core.rollout import Flight, Phase, Rollout

__all__ = ["Handler", "enter", "replace", "without"]

Handler = Callable[[Rollout, Any, float], Rollout]
"""(rollout, event, when) -> the rollout after it, or the same one where nothing changes."""


def replace(r: Rollout, **changes: Any) -> Rollout:
    """As dataclasses.replace, which would go through every field and take most of the time of a fold."""
    changed = object.__new__(Rollout)
    fields = changed.__dict__
    fields.update(r.__dict__)
    fields.update(changes)
    return changed


def enter(r: Rollout, phase: Phase, at: float, **changes: Any) -> Rollout:
    return replace(r, phase=phase, since=at, credit=0.0, **changes)


def without(r: Rollout, kind: type, subject: str | None = None) -> Mapping[Command, Flight]:
    """Effects under way but those of one kind on one subject (a target or router)."""
    return {
        command: flight
        for command, flight in r.pending.items()
        if not isinstance(command, kind) or (subject is not None and subject_of(command) != subject)
    }
