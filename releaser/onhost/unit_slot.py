"""How is a slot that a systemd unit runs seen, started and stopped? The unit is the host's own; its settings stay as they are.

The unit's part: WorkingDirectory=PATH/slots/%i and EnvironmentFile=PATH/.releaser/run/%i.env.
"""

from __future__ import annotations

import time
from typing import Any

from releaser.onhost import clock, detach, files, memory, processes, unit, unit_env, unit_log, unit_seal
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home, switch_link
from releaser.onhost.slot import View
from releaser.onhost.unit import Facts, Unit
from releaser.onhost.unit_ready import expect_loaded, expect_values

__all__ = ["begin", "end", "expect_usable", "unit_of", "view"]

POLL = 0.02
STEADY = 0.3
"""Seconds that a unit must have run before it counts as started: a program that cannot even begin has ended by then."""
TAIL = 20
COMING = frozenset({"activating", "reloading"})


def unit_of(status: dict[str, Any]) -> Unit:
    """The unit that a slot's status file names."""
    return Unit(str(status["unit"]), bool(status.get("sudo")))


def view(place: Home, slot: str, status: dict[str, Any]) -> View:
    """What systemd says of the slot's unit now; it also knows of a start that was not ours (the boot)."""
    said = unit.facts(str(status["unit"]))
    release = status.get("release") or place.bound(slot)
    want = files.read_json(place.want(slot)) or {}
    state = _state(said, ends=bool(want.get("stop")))
    child = processes.find(said.pid) if said.pid else None
    seen = {"restarts": said.restarts, "last_exit": said.ended, "note": _note(said, state)}
    return View(slot, release, state if release else "empty", child, None, {**status, **seen})


def expect_usable(run: dict[str, Any], env: dict[str, Any], slot: str, *, waits: bool = False) -> Unit:
    """The unit that is to run a slot. Raises Refusal for a host or a unit that cannot, while nothing has changed.

    `waits`: it is between two starts of what the slot holds already.
    """
    unit.expect_systemd()
    wanted = Unit(unit.instance(str(run["systemd"]), slot), bool(run.get("sudo")))
    said = unit.facts(wanted.name)
    expect_loaded(wanted, said)
    if said.active not in ("inactive", "failed") and not (waits and said.active in COMING):
        raise Refusal(
            "refused",
            f"{wanted.name} is {said.active} already (pid {said.pid}), and releaser did not start it",
            "unit-taken",
            (f"stop it: systemctl stop {wanted.name}", "or take it in: releaser adopt"),
        )
    expect_values(env)
    return wanted


def begin(place: Home, view: View, request: dict[str, Any], kept: dict[str, Any], until: float) -> dict[str, Any]:
    """Bind the slot, write its variables, start its unit and wait until it runs. Safe to repeat.

    A unit that does not come up is stopped again, and the Refusal carries the end of its journal.
    """
    slot, release = view.slot, str(request["release"])
    if kept.get("forget"):
        kept = {**kept, "env": memory.kept(place, release)}
    wanted = expect_usable(kept["unit"], kept["env"], slot, waits=view.state == "waiting")
    sealed = unit_seal.credential(place, slot, wanted, kept)
    values = {
        "PORT": str(request["port"]),
        "RELEASER_SLOT": slot,
        "RELEASER_RELEASE": release,
        "RELEASER_VERSION": str(kept["version"]),
        **{str(name): str(value) for name, value in kept["env"].items()},
    }
    switch_link(place.slot(slot), f"../releases/{release}")
    if kept.get("forget"):
        memory.variables_of_unit(place, slot, unit_env.environment_file(values))
    else:
        files.replace(place.run / f"{slot}.env", unit_env.environment_file(values))
    unit_seal.write(place, slot, sealed)
    status = {"format": 1, "release": release, "port": request["port"], "boot": clock.boot(place.own)}
    status.update({"unit": wanted.name, "sudo": wanted.sudo, "adopted": False, "child": None, "supervisor": None})
    log_from = unit_log.end_of()
    files.write_json(place.status(slot), status)
    want = {name: request[name] for name in ("release", "port", "host", "drain")}
    files.write_json(place.want(slot), {**want, "log_from": log_from})
    if unit.facts(wanted.name).active == "failed":
        unit.tell(wanted, "reset-failed")  # or its start limit would count the tries of another release
    try:
        unit.tell(wanted, "start", "--no-block")
        pid = _running(wanted, until)
    except Refusal as refusal:
        raise _given_up(wanted, release, refusal, _printed(wanted, log_from, kept)) from None
    return {"started": True, "pid": pid}


def end(place: Home, view: View, request: dict[str, Any], want: dict[str, Any]) -> dict[str, Any]:
    """Have the unit stopped now, or at its time by a small process of ours. How long it may take is the unit's TimeoutStopSec=."""
    after = float(request["after"])
    wanted = {**want, "release": view.release, "port": view.status.get("port")}
    if after > 0:
        files.write_json(place.want(view.slot), {**wanted, "stop": None, "retire": {"at": clock.seconds() + after}})
        order = {"path": str(place.path), "slot": view.slot}
        detach.start("unit.retire", order, place.run / f"{view.slot}.log")
        return {"state": "retiring"}
    files.write_json(place.want(view.slot), {**wanted, "stop": True, "retire": None})
    unit.tell(unit_of(view.status), "stop", "--no-block")
    return {"state": "stopping"}


def _state(said: Facts, *, ends: bool) -> str:
    if said.active == "deactivating" or (ends and said.busy):
        return "stopping"
    if said.active == "active":
        return "running"
    return "waiting" if said.active in COMING or said.busy else "stopped"


def _note(said: Facts, state: str) -> str:
    if said.load == "not-found":
        return "its unit is gone from this host"
    if state == "waiting":
        return f"ended: {said.how}" if said.sub == "auto-restart" else "starting"
    return f"failed: {said.how}" if said.active == "failed" else ""


def _running(wanted: Unit, until: float) -> int:
    """The main process, once it has run for a moment."""
    since, pid = 0.0, 0
    while True:
        said, now = unit.facts(wanted.name), time.monotonic()
        if said.active == "active" and said.pid:
            since = since if said.pid == pid else now
            pid = said.pid
            if now - since >= STEADY and not said.busy:
                return pid
        elif not said.busy and (said.active in ("failed", "inactive") or said.sub == "auto-restart"):
            raise Refusal("failed", f"it ended ({said.how or said.result or 'nobody says how'})", "start")
        if now > until:
            raise Refusal(
                "failed", f"it is still {said.active} ({said.sub}), and the time for a start is over", "start"
            )
        time.sleep(POLL)


def _printed(wanted: Unit, log_from: str, kept: dict[str, Any]) -> str:
    """The end of the unit's journal. Values that are sealed cannot be masked in it, so then it is not repeated."""
    if kept["unit"].get("sealed"):
        return (
            f"what it printed is not shown, because its values are sealed: journalctl --unit {wanted.name} on the host"
        )
    return unit_log.tail(wanted.name, log_from, TAIL, kept["env"])


def _given_up(wanted: Unit, release: str, why: Refusal, printed: str) -> Refusal:
    """As if it had never been started, and a Refusal that says what the unit printed."""
    if why.code == "unit-rights":
        return why
    message = f"{release} cannot be started by {wanted.name}: {why.message}"
    try:
        unit.tell(wanted, "stop", "--no-block")
    except Refusal as refusal:
        message += f", and it is not stopped either ({refusal.message})"
    return Refusal(
        "failed",
        f"{message}; {printed}",
        "start",
        why.fix or (f"see on the host: systemctl status {wanted.name}",),
    )
