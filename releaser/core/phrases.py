"""What are things called in a sentence: releases, splits, durations, shares of failures, commands? (pure)"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from releaser.core.plan import Plan
from releaser.core.values import Counts, Split

if TYPE_CHECKING:
    from releaser.core import commands as c

__all__ = ["Call", "callings", "doing", "say_failures", "say_seconds", "say_split"]

Call = Callable[[str], str]
"""Release id -> what it is called."""


def callings(plan: Plan | None) -> Call:
    """The version alone, unless the two releases of the plan share it."""
    if plan and plan.origin and _version(plan.to.id) == _version(plan.origin):
        return str
    return _version


def say_split(split: Split | None, call: Call) -> str:
    """1.4.1 75 %, 1.4.2 25 %. Full ids where two of them share a version."""
    if split is None:
        return "no split"
    if len({call(release) for release, _ in split.weights}) < len(split.weights):
        call = str
    return ", ".join(f"{call(release)} {weight} %" for release, weight in split.weights)


def say_seconds(seconds: float) -> str:
    """A duration as people say it: 0.08 s, 20 s, 5 min, 1 h 30 min."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0))


def say_failures(counts: Counts) -> str:
    if not counts.completed:
        return "none yet"
    return f"{counts.failed} of {counts.completed}"


def doing(command: "c.Command", call: Call) -> str:  # noqa: C901, PLR0911, PLR0912  one line per command, read at a glance
    """What a command is about, to follow "could not" or "to"."""
    from releaser.core import commands as c  # here: durations and splits are told more often than commands

    match command:
        case c.Acquire():
            return "take the routers' ledgers"
        case c.Place():
            return f"place the release on {command.target}"
        case c.Start():
            return f"start {call(command.release)} in the {command.slot} slot of {command.target}"
        case c.PutBack():
            hosts = ", ".join(one.host for one in command.missing)
            return f"stop {call(command.release)} where it never became ready, on {hosts} of {command.target}"
        case c.Stop():
            return f"stop {call(command.release)} in the {command.slot} slot of {command.target}"
        case c.Collect():
            return f"remove old releases from {command.target}"
        case c.CheckHealth():
            return f"check the health of {call(command.release)} on {command.target}"
        case c.Rehearse():
            return f"rehearse the way back on {command.router}"
        case c.Arm():
            return f"arm {command.router}"
        case c.Shift():
            return f"set {command.router} {'back ' if command.urgent else ''}to {say_split(command.split, call)}"
        case c.Count():
            return f"count the requests on {command.router}"
        case c.Look():
            return f"look at {command.router}"
        case c.Cut():
            return f"end what is still under way for {call(command.release)} on {command.router}"
        case c.Settle():
            return f"close the release on {command.router} as {command.settlement}"


def _version(release: str) -> str:
    version, dash, _ = release.rpartition("-")
    return version if dash else release
