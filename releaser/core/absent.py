"""Which hosts go without a release, and may so many of them? (pure)

The fleet's allowance is per wave: what its targets' hosts answered to "place" and "start" together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Allowed", "Away", "Missing", "beyond", "say_missing"]

Away = Mapping[str, frozenset[str]]
"""Release -> the hosts that do not have it, so that no router may send its requests there."""
NAMED = 5
"""So many hosts of one reason, and so many reasons, are told."""
SHORT = 160
"""Characters of a reason but the first: what a release printed may be long."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many hosts of one wave may go without the release."""

    failed: int = 0
    unreachable: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """One host that goes without: it said no, nothing was sent to it, or (only on the way back) no answer came."""

    host: str
    how: Literal["failed", "unreachable", "unknown"]
    why: str


def beyond(missing: Iterable[Missing], allowed: Allowed) -> str:
    """Why these are too many for one wave; empty: they are not."""
    found = list(missing)
    failed = [one for one in found if one.how == "failed"]
    unreachable = [one for one in found if one.how == "unreachable"]
    if len(failed) > allowed.failed:
        return f"{_hosts(failed)} failed, {allowed.failed} may: {say_missing(failed)}"
    if len(unreachable) > allowed.unreachable:
        be = "is" if len(unreachable) == 1 else "are"
        return f"{_hosts(unreachable)} {be} out of reach, {allowed.unreachable} may be: {say_missing(unreachable)}"
    return ""


def _hosts(found: Sequence[Missing]) -> str:
    return f"{len(found)} host{'s' if len(found) > 1 else ''} of one wave"


def say_missing(missing: Iterable[Missing]) -> str:
    """As in "web7, web8 (unreachable: no route), web9 (failed: disk full)": by reason, what ails most hosts first and in full."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in missing:
        reasons.setdefault((one.how, one.why), []).append(one.host)
    found = sorted(reasons.items(), key=lambda reason: -len(reason[1]))
    told = [f"{_some(hosts)} ({how}: {why if not n else _short(why)})" for n, ((how, why), hosts) in enumerate(found)]
    untold = sum(len(hosts) for _, hosts in found[NAMED:])
    return ", ".join(told[:NAMED]) + (f" and {untold} more" if untold else "")


def _some(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:NAMED]) + (f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED else "")


def _short(why: str) -> str:
    return why if len(why) <= SHORT else f"{why[:SHORT]} ..."
