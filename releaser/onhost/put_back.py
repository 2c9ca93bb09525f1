"""What did a release print that never became ready here? Heard before it is stopped, for the message that names this host."""

from __future__ import annotations

from typing import Any

from releaser.onhost import files, logs, slots, unit_log
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home, home

__all__ = ["put_back"]

LINES = 5
WIDTH = 160
"""Characters of one line in a message."""


def put_back(request: dict[str, Any]) -> dict[str, Any]:
    """Stop the slot at once if it holds `release`. Does not wait. Safe to repeat.

    {path, fence, slot, release, drain} -> {state, printed: one line for a message}, the state as `slots.stop` says it.
    """
    printed = _printed(home(request), str(request["slot"]), str(request["release"]))
    stopped = slots.stop({**request, "after": 0.0})
    return {"state": stopped["state"], "printed": printed}


def _printed(place: Home, slot: str, release: str) -> str:
    """Values of the application's variables are masked. Those that are sealed are not known, so then nothing is repeated."""
    kept = files.read_json(place.environment(release))
    if kept is None or (kept.get("unit") or {}).get("sealed"):
        return "what it printed is not shown, because the values of its variables are not known here to be masked"
    try:
        env = _remembered(place, release) if kept.get("forget") else kept["env"]
        lines = logs.logs({"path": str(place.path), "slot": slot, "release": release, "lines": LINES})["lines"]
    except Refusal as refusal:
        return f"what it printed is not known: {refusal.message}"
    said = [unit_log.masked(line, env).strip()[:WIDTH] for line in lines]
    return "it printed: " + " | ".join(said) if said else "it printed nothing"


def _remembered(place: Home, release: str) -> dict[str, Any]:
    from releaser.onhost import memory  # here: most hosts need nothing of it

    return memory.kept(place, release)
