"""The verbs of a router: read what it applies, and write one split under a fence."""

from __future__ import annotations

from releaser.onhost import clock, files, recipe, rules, statedir
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.statedir import inside, load, save, site

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def read(request: dict[str, Any]) -> dict[str, Any]:
    """{look} -> {replies}. Changes nothing."""
    return {"replies": recipe.run(request["look"], deadline(request))}


def write(request: dict[str, Any]) -> dict[str, Any]:
    """{state, fence, split, generation, write, look} -> {replies} of the look. Safe to repeat.

    Lock, compare the fence, write, read back, note it, unlock: no other process writes in between.
    """
    state, until = site(request), deadline(request)
    with inside(state, until):
        ledger = load(state)
        fence, generation = request["fence"], request["generation"]
        require_writer(state, ledger, fence)
        if generation < ledger["generation"]:
            raise Refusal(
                "failed", f"generation {generation} is late: {ledger['generation']} was written here since", "late"
            )
        recipe.run(request["write"], until)
        replies = recipe.run(request["look"], until)
        save(state, rules.written(ledger, fence, request["split"], generation))
        return {"replies": replies}


def cut(request: dict[str, Any]) -> dict[str, Any]:
    """{state, fence, look, cut} -> {replies} of the look, taken just before. Safe to repeat.

    For what a rollout that has ended here left open: it holds no lease any more, but nobody else may have come since.
    """
    state, until = site(request), deadline(request)
    with inside(state, until):
        ledger, fence = load(state), request["fence"]
        if ledger["fence"] != fence:
            raise Refusal("fenced", f"fence {fence} is over here: the ledger is at {ledger['fence']}", "fenced")
        replies = recipe.run(request["look"], until)
        recipe.run(request["cut"], until)
        return {"replies": replies}


def require_writer(state: Path, ledger: dict[str, Any], fence: int) -> None:
    """By the ledger, and by the switch itself: a timer that is over has decided, even if its guard is late."""
    now = clock.now(state)
    rules.writer(ledger, fence, now)
    for switch in statedir.switches(state):
        body = files.read_json(switch.path)
        if switch.fence == fence and body and not body["rehearsal"] and statedir.expired(body, now):
            raise Refusal("fenced", "the router's own timer ran out and restores the split before", "fired")
