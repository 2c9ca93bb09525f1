"""What does a slot hold, and does it run? Asked of the files and of the processes themselves; changes nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from releaser.onhost import clock, files, listening, processes
from releaser.onhost.home import SLOTS, Home, home
from releaser.onhost.processes import Process

__all__ = ["View", "inspect", "look", "running_release", "stranger"]

ENDING = frozenset({"stopping", "stopped", "failed"})
"""What a supervisor writes last: while it lives on for a moment after that, its slot is about to be free, not taken."""

BUSY = frozenset({"running", "waiting", "stopping"})


class View(NamedTuple):
    """One slot now: running, waiting (between two starts), stopping, stopped or empty; who of it is alive."""

    slot: str
    release: str | None
    state: str
    child: Process | None
    supervisor: Process | None
    status: dict[str, Any]

    @property
    def busy(self) -> bool:
        return self.state in BUSY


def inspect(request: dict[str, Any]) -> dict[str, Any]:
    """{path, ports: {slot: port}} -> {slots: {slot: {release, state, running, pid, port, restarts, last_exit, note, ends_in, ...}}}

    `stranger` says who holds the port of a slot that runs nothing.
    """
    place, ports = home(request), request.get("ports", {})
    views = [look(place, slot) for slot in SLOTS]
    idle = [ports[view.slot] for view in views if not view.busy and view.slot in ports]
    taken = listening.inodes(idle) if idle else {}
    strangers = {port: _named(processes.holders(inodes)) for port, inodes in taken.items()}
    return {"slots": {view.slot: _told(place, view, strangers.get(ports.get(view.slot))) for view in views}}


def stranger(port: int) -> str | None:
    """Who listens on a port, by pid and command, or None."""
    pids, taken = processes.listeners(port)
    return _named(pids) if taken else None


def _named(pids: set[int]) -> str:
    return ", ".join(f"pid {pid} ({processes.command(pid)})" for pid in sorted(pids)) or "a process of another user"


def look(place: Home, slot: str) -> View:
    status = files.read_json(place.status(slot)) or {}
    if status.get("unit"):
        from releaser.onhost import unit_slot  # here: it needs what this module defines, and most hosts never do

        return unit_slot.view(place, slot, status)
    same_boot = status.get("boot") == clock.boot(place.own)
    child = _living(status.get("child")) if same_boot else None
    supervisor = _living(status.get("supervisor")) if same_boot else None
    release = status.get("release") or place.bound(slot)
    ends = status.get("state") in ENDING or bool((files.read_json(place.want(slot)) or {}).get("stop"))
    return View(slot, release, _state(release, child, supervisor, ends), child, supervisor, status)


def running_release(place: Home, release: str) -> str | None:
    """The slot that runs this release, or is about to run it again."""
    for slot in SLOTS:
        view = look(place, slot)
        if view.release == release and view.busy:
            return slot
    return None


def _living(recorded: Any) -> Process | None:
    if not recorded:
        return None
    process = Process(*recorded)
    return process if processes.alive(process) else None


def _state(release: str | None, child: Process | None, supervisor: Process | None, ends: bool) -> str:
    if ends and (child or supervisor):
        return "stopping"
    if child is not None:
        return "running"
    if supervisor is not None:
        return "waiting"
    return "stopped" if release else "empty"


def _told(place: Home, view: View, stranger: str | None) -> dict[str, Any]:
    status = view.status
    return {
        "release": view.release,
        "state": view.state,
        "running": view.state == "running",
        "pid": view.child.pid if view.child else None,
        "port": status.get("port"),
        "restarts": status.get("restarts", 0),
        "last_exit": status.get("last_exit"),
        "note": status.get("note", ""),
        "adopted": bool(status.get("adopted")),
        "supervised": view.supervisor is not None,
        "stranger": None if view.busy else stranger,
        "ends_in": _ends_in(place, view),
    }


def _ends_in(place: Home, view: View) -> float | None:
    """Seconds until the planned stop of what the slot runs; None: nobody planned one."""
    planned = (files.read_json(place.want(view.slot)) or {}).get("retire") if view.busy else None
    return None if planned is None else max(0.0, float(planned["at"]) - clock.seconds())
