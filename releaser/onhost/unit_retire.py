"""Who stops a warm unit when its time is over? A small process that waits, bound to nothing of the command line.

Late is harmless: where something ends this process, the slot stays warm until it is needed. After a reboot it does not
run at all, because only the committed slot's unit is enabled.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from releaser.onhost import clock, files, unit
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home, home
from releaser.onhost.lock import claim, locked
from releaser.onhost.slot import look
from releaser.onhost.unit_slot import unit_of

__all__ = ["retire"]

TICK = 1.0
TAKE_OVER = 5.0
"""Seconds in which another one that is about to end lets go of the slot."""
AGAIN = 30.0
"""Seconds before the next try where systemd did not do it."""


def retire(request: dict[str, Any]) -> dict[str, Any]:
    """Stop the slot's unit at the time in its want file; a start takes that away. {path, slot} -> {ended: how}"""
    place, slot = home(request), str(request["slot"])
    until = time.monotonic() + TAKE_OVER
    while claim(place.supervisor_lock(slot)) is None:
        if time.monotonic() > until:
            return {"ended": "another one waits already"}
        time.sleep(TICK / 10)
    while True:
        left = _left(place, slot)
        if left is None:
            return {"ended": "called off"}
        if left > 0:
            time.sleep(min(left, TICK))
            continue
        try:
            return {"ended": _stop(place, slot)}
        except (Refusal, OSError) as error:
            sys.stderr.write(f"slot {slot} is not stopped yet: {error}\n")
            time.sleep(AGAIN)


def _left(place: Home, slot: str) -> float | None:
    """Seconds until it is time; None where it is not wanted any more."""
    planned = (files.read_json(place.want(slot)) or {}).get("retire")
    return None if planned is None else float(planned["at"]) - clock.seconds()


def _stop(place: Home, slot: str) -> str:
    """`start` may be calling it off right now: whoever holds the target's lock is first."""
    with locked(place.lock, time.monotonic() + TAKE_OVER):
        want = files.read_json(place.want(slot)) or {}
        view = look(place, slot)
        if not want.get("retire") or view.release != want.get("release") or not view.status.get("unit"):
            return "called off"
        if not view.busy:
            return "stopped already"
        files.write_json(place.want(slot), {**want, "retire": None, "stop": True})
        unit.tell(unit_of(view.status), "stop", "--no-block")
    return "stopped"
