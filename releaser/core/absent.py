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
    """web7 (unreachable: no route), web9 (failed: disk full), and 3 more."""
    found = list(missing)
    named = ", ".join(f"{one.host} ({one.how}: {one.why})" for one in found[:NAMED])
    return f"{named} and {len(found) - NAMED} more" if len(found) > NAMED else named
