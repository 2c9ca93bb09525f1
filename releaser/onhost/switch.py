"""The verbs of the dead-man's switch: rehearse it, arm it, renew it, and make sure that its guard lives."""

from __future__ import annotations

import time
from pathlib import Path

from releaser.onhost import clock, files, recipe, rules, statedir
from releaser.onhost import guard as guards
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.router import require_writer
from releaser.onhost.statedir import inside, load, save, site

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

REHEARSAL = 1.0
POLL = 0.01


def arm(request: dict[str, Any]) -> dict[str, Any]:
    """{state, fence, timer, revert, look, split, generation} -> {left}. Safe to repeat.

    From now on the guard runs `revert` and `look` unless it is renewed within `timer` seconds.
    """
    state, until = site(request), deadline(request)
    with inside(state, until):
        ledger, fence = load(state), request["fence"]
        require_writer(state, ledger, fence)
        armed = _armed(state, fence)
        if armed is not None and armed[1]["split"] != request["split"]:
            raise Refusal("failed", "the switch is armed already, and with another split to go back to", "armed")
        guards.ensure(state, until)
        number = armed[0].number if armed else statedir.next_number(state)
        _write(state, number, request, float(request["timer"]), rehearsal=False)
        for other in statedir.switches(state):
            if other.number != number and (other.status == "armed" or other.fence == fence):
                statedir.put_away(other, "disarmed")  # older releases' switches, and rehearsals that nobody waits for
        save(state, rules.renewed(ledger, clock.now(state), armed=True))
        return {"left": float(request["timer"])}


def renew(request: dict[str, Any]) -> dict[str, Any]:
    """{state, fence} -> {left, inbox}. The lease, and the timer where there is one, start again. Safe to repeat."""
    state, until = site(request), deadline(request)
    with inside(state, until):
        if statedir.switches(state):
            guards.ensure(
                state, until
            )  # first of all: where this renewal comes too late, it is the guard that goes back
        ledger, fence, now = load(state), request["fence"], clock.now(state)
        require_writer(state, ledger, fence)
        armed = _armed(state, fence)
        if ledger["holder"]["armed"] and armed is None:
            raise Refusal("fenced", "the switch was armed and is gone: this release has ended here", "fired")
        left = float(ledger["holder"]["lease"]["seconds"])
        if armed is not None:
            switch, body = armed
            statedir.arm(state, switch.number, {**body, "boot": now.boot, "renewed": now.at})
            left = float(body["timer"])
        save(state, rules.renewed(ledger, now))
        return {"left": left, "inbox": statedir.inbox(state)}


def rehearse(request: dict[str, Any]) -> dict[str, Any]:
    """{state, fence, revert, look, split, generation} -> {seconds, replies}. Safe to repeat.

    Arms for one second, lets the GUARD go back, and reads the router once more: `seconds` from the timer's end to its look.
    """
    state, until = site(request), deadline(request)
    with inside(state, until):
        ledger, fence = load(state), request["fence"]
        require_writer(state, ledger, fence)
        if _armed(state, fence) is not None:
            raise Refusal("failed", "the switch is armed, so this is not the time to rehearse it", "armed")
        guards.ensure(state, until)
        number = statedir.next_number(state)
        _write(state, number, request, REHEARSAL, rehearsal=True)
    body = _await(state, fence, number, until)
    return {
        "seconds": body["restored"] - body["renewed"] - body["timer"],
        "replies": recipe.run(request["look"], until),
    }


def guard(request: dict[str, Any]) -> dict[str, Any]:
    """{state} -> {pid}. What a host runs when it starts: a switch of an earlier boot fires at once."""
    state, until = site(request), deadline(request)
    with inside(state, until):
        return {"pid": guards.ensure(state, until)}


def _write(state: Path, number: int, request: dict[str, Any], timer: float, *, rehearsal: bool) -> None:
    for operation in request["revert"]:
        if operation["do"] in ("replace", "dump"):
            files.reserve(Path(operation["path"]).parent)
    now = clock.now(state)
    parts = {key: request[key] for key in ("fence", "revert", "look", "split", "generation")}
    timing = {"boot": now.boot, "renewed": now.at, "timer": timer, "rehearsal": rehearsal}
    statedir.arm(state, number, {**parts, **timing})


def _armed(state: Path, fence: int) -> tuple[statedir.SwitchFile, dict[str, Any]] | None:
    """The switch of this fence, if it is armed and in earnest."""
    for switch in statedir.switches(state):
        body = files.read_json(switch.path)
        if switch.status == "armed" and switch.fence == fence and body is not None and not body["rehearsal"]:
            return switch, body
    return None


def _await(state: Path, fence: int, number: int, until: float) -> dict[str, Any]:
    """The file of a rehearsal that went well. Whatever goes wrong, nothing of it stays armed."""
    while time.monotonic() < until:
        body = files.read_json(state / f"restored.{fence}.{number}.json")
        if body is not None:
            return body
        time.sleep(POLL)
    with inside(state, time.monotonic() + guards.ATTEMPT):
        for switch in statedir.switches(state):
            if switch.number == number:
                statedir.put_away(switch, "disarmed")
    raise Refusal(
        "failed",
        f"the guard did not bring this router back in the rehearsal: {guards.last_words(state)}",
        "rehearsal",
        (f"see {state}/guard.log", "releaser status"),
    )
