"""How is a slot bound, started, stopped and taken in? Under the target's fence, read back, and safe to repeat."""

from __future__ import annotations

import time
from typing import Any

from releaser.onhost import clock, detach, files, logs, processes
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.command import render
from releaser.onhost.home import MARKER, Home, home, remove, ruled, switch_link
from releaser.onhost.marker import problem
from releaser.onhost.slot import View, look, stranger

__all__ = ["adopt", "start", "stop"]

POLL = 0.02


def start(request: dict[str, Any]) -> dict[str, Any]:
    """Bind the slot to a placed release and start it; a retirement that waits is called off.

    {path, fence, slot, release, port, host, drain} -> {started: whether anything had to be done, pid}
    """
    place, slot = home(request), str(request["slot"])
    until = deadline(request)
    while True:
        with ruled(place, request):
            view = look(place, slot)
            if view.state != "stopping":
                return _started(place, view, request, until)
            if view.supervisor is None and not view.status.get("unit"):  # killed while it stopped the slot
                _handed_over(place, view, until)
        if time.monotonic() > until:
            raise Refusal("failed", f"slot {slot} is still stopping {view.release}; try again", "stopping")
        time.sleep(POLL)


def _started(place: Home, view: View, request: dict[str, Any], until: float) -> dict[str, Any]:
    release = str(request["release"])
    if view.busy and view.release != release:
        raise Refusal(
            "failed", f"slot {view.slot} runs {view.release}; stop that first, then start {release}", "slot-taken"
        )
    want = {name: request[name] for name in ("release", "port", "host", "drain")}
    if view.status.get("adopted") and view.child:
        want = {**want, "adopted": True, "port": view.status["port"]}
    elif not view.busy or _starved(place, view):
        kept = _expect_ready(place, view, request)
        if kept.get("unit"):
            from releaser.onhost import unit_slot  # here, as below: most hosts need nothing of it

            return unit_slot.begin(place, view, request, kept, until)
        switch_link(place.slot(view.slot), f"../releases/{release}")
    files.write_json(place.want(view.slot), {**_memory(view), **want, "log_from": _log_from(place, view, release)})
    idle = not view.busy
    if view.supervisor is None and not want.get("adopted") and not view.status.get("unit"):
        view = _handed_over(place, view, until)
    return {"started": idle, "pid": view.child.pid if view.child else None}


def _starved(place: Home, view: View) -> bool:
    """A unit that systemd tries to start again and again, without the variables that a reboot has taken."""
    file = place.run / f"{view.slot}.env"
    return view.state == "waiting" and bool(view.status.get("unit")) and file.is_symlink() and not file.exists()


def _log_from(place: Home, view: View, release: str) -> str:
    """Where the lines of what the slot holds now begin: the log is the slot's, and outlives its releases."""
    known = (files.read_json(place.want(view.slot)) or {}).get("log_from")
    return str(known) if known and view.release == release else logs.end_of(place, view.slot)


def _expect_ready(place: Home, view: View, request: dict[str, Any]) -> dict[str, Any]:
    """Everything that can be wrong before a start, by name, while nothing has changed. Returns how it is started."""
    release, port = str(request["release"]), int(request["port"])
    wrong = problem(place, release, request.get("artifact"))
    if wrong is not None:
        raise Refusal(
            "failed",
            f"{release} is not started: {wrong}",
            "release-changed",
            (f"place {release} again, then start it",),
        )
    kept = files.read_json(place.environment(release))
    if kept is None:
        raise Refusal(
            "failed", f"{release} is not started: how to start it is not kept here; place it again", "no-environment"
        )
    if kept.get("forget"):
        from releaser.onhost import memory  # here: most hosts need nothing of it

        memory.kept(place, release)
    try:
        if not kept.get("unit"):
            render(str(kept["run"]), dict.fromkeys(("port", "slot", "release", "version", "host"), "x"))
    except ValueError as error:
        raise Refusal("usage", f"{release} cannot be started: {error}", "run") from None
    _expect_free(place, view, port)
    return kept


def _expect_free(place: Home, view: View, port: int) -> None:
    who = stranger(port)
    if who is None:
        return
    raise Refusal(
        "refused",
        f"port {port} of slot {view.slot} is taken by {who}, which releaser did not start",
        "port-taken",
        ("stop that process", f"or give {place.path.name} other ports", "or take it in: releaser adopt"),
    )


def _memory(view: View) -> dict[str, Any]:
    """What a new supervisor of the same release goes on counting."""
    kept = {"rotations": view.status.get("rotations", 0)}
    if view.busy:
        kept.update({name: view.status.get(name) for name in ("restarts", "last_exit")})
    return kept


def _handed_over(place: Home, view: View, until: float) -> View:
    """Start a supervisor, for a process that lives already or for one to come, and wait until it has something to say."""
    slot, want = view.slot, files.read_json(place.want(view.slot)) or {}
    files.write_json(place.want(slot), {**want, "take_in": view.child})
    pid = detach.start("supervise", {"path": str(place.path), "slot": slot}, place.run / f"{slot}.log")
    while True:
        view = look(place, slot)
        mine = (view.status.get("supervisor") or [0])[0] == pid
        if mine and view.status["state"] == "failed":
            raise Refusal(
                "failed",
                f"{view.release} cannot be started in slot {slot}: {view.status['note']}",
                "start",
                (f"look at `run`: it starts in the release's directory, which holds {_contents(place, view)}",),
            )
        if mine and view.status["state"] != "waiting":
            return view
        if time.monotonic() > until:
            raise Refusal(
                "failed", f"the supervisor of slot {slot} does not come up: see {place.run / slot}.log", "supervisor"
            )
        time.sleep(POLL)


def _contents(place: Home, view: View) -> str:
    """The first names in the slot's directory: an archive often has everything below one more directory."""
    names = sorted(entry.name for entry in place.slot(view.slot).iterdir() if entry.name != MARKER)
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def stop(request: dict[str, Any]) -> dict[str, Any]:
    """Have the slot end by itself if it holds `release`: now, or in `after` seconds, which a start calls off.

    Does not wait. Safe to repeat. {path, fence, slot, release, drain, after: seconds} -> {state}, which is stopping,
    retiring, stopped, or other (it holds another release, and is left alone).
    """
    place, slot, release = home(request), str(request["slot"]), str(request["release"])
    after, drain = float(request["after"]), float(request["drain"])
    with ruled(place, request):
        view = look(place, slot)
        if view.release != release:
            return {"state": "other", "release": view.release}
        if not view.busy:
            return {"state": "stopped"}
        want = files.read_json(place.want(slot)) or {}
        if view.status.get("unit"):
            from releaser.onhost import unit_slot

            return unit_slot.end(place, view, request, want)
        want.update({"release": release, "port": view.status.get("port"), "adopted": bool(view.status.get("adopted"))})
        if after > 0:
            want["retire"] = {"at": clock.seconds() + after, "drain": drain}
        else:
            want.update({"stop": {"drain": drain}, "retire": None})
        files.write_json(place.want(slot), {**want, **_memory(view)})
        if view.supervisor is None:
            _handed_over(place, view, deadline(request))
    return {"state": "retiring" if after > 0 else "stopping"}


def adopt(request: dict[str, Any]) -> dict[str, Any]:
    """Record the process that serves on `port` as what the slot runs; it is not touched. Safe to repeat.

    With `unit` ({systemd, sudo}, as the environment has it) the process must be a unit's, which is recorded with it.

    {path, fence, slot, release, port, unit: {} or none} -> {pid, command}
    """
    place, slot = home(request, create=True), str(request["slot"])
    release, port = str(request["release"]), int(request["port"])
    place.release(release)
    with ruled(place, request):
        view = look(place, slot)
        process = _listener(port)
        unit = _unit(request, process)
        if view.busy and (
            view.release != release or (view.child != process and unit.get("unit") != view.status.get("unit"))
        ):
            raise Refusal(
                "refused", f"slot {slot} runs {view.release} already; nothing is to be adopted there", "slot-taken"
            )
        if not view.busy:
            remove(place.want(slot))
            status = {"format": 1, "release": release, "port": port, "adopted": True, "boot": clock.boot(place.own)}
            status.update({"child": process, "supervisor": None, "state": "running", "note": "", "restarts": 0, **unit})
            files.write_json(place.status(slot), status)
    return {"pid": process.pid, "command": processes.command(process.pid)}


def _unit(request: dict[str, Any], process: processes.Process) -> dict[str, Any]:
    """What the status file says of an adopted process's unit; nothing where units do not run the slots."""
    run = request.get("unit")
    if not run:
        return {}
    from releaser.onhost import unit_adopt

    found = unit_adopt.unit_of(process, sudo=bool(run.get("sudo")))
    return {"unit": found.name, "sudo": found.sudo}


def _listener(port: int) -> processes.Process:
    """The one process that serves on a port: of several that share the socket, the one that started the others."""
    pids, taken = processes.listeners(port)
    first = [pid for pid in pids if processes.parent(pid) not in pids]
    process = processes.find(first[0]) if len(first) == 1 else None
    if process is None:
        why, fix = "nothing listens there", "name the port that the application serves on"
        if taken:
            why = "it belongs to another user" if not pids else "several processes listen there"
            fix = "run releaser there as its user, or as root: ssh: { sudo: root }" if not pids else fix
        raise Refusal(
            "refused",
            f"port {port} cannot be adopted: {why}",
            "adopt",
            (fix,),
        )
    return process
