"""What would a release meet on this host? Facts about paths, disks, ports, units and the router; it changes nothing.

What is good or bad about them is decided where the environment is known.
"""

from __future__ import annotations

import getpass
import os
import pwd
import stat
import sys
import time
from pathlib import Path

from releaser.onhost import files, listening, processes
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.home import MARKER, SLOTS, Home, home
from releaser.onhost.slot import inspect

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

__all__ = ["host", "place"]

KINDS = ((stat.S_ISDIR, "directory"), (stat.S_ISREG, "file"), (stat.S_ISSOCK, "socket"))


def host(request: dict[str, Any]) -> dict[str, Any]:
    """{target: {path, ports, unit} or none, places: [paths], router: see doctor_router, or none} -> facts. Changes nothing.

    `places` are told of in the same order: what is there, whose it is, whether we may write, and how much room is left.
    """
    wall = time.time()  # first of all: the one who asks compares it with the moments before and after
    told: dict[str, Any] = {"wall": wall, "user": _user(), "python": sys.version.split()[0]}
    told["places"] = [place(str(path)) for path in request.get("places", [])]
    if request.get("target"):
        told["target"] = _target(request["target"])
    if request.get("router"):
        from releaser.onhost import doctor_router  # here: the hosts of an application have no router

        told["router"] = doctor_router.look(request["router"], deadline(request))
    return told


def place(name: str) -> dict[str, Any]:
    """A path, or what there is of it: `nearest` is the last part that exists and that we may look at."""
    path = Path(name).expanduser()
    nearest, found = path, None
    while found is None:
        try:
            found = nearest.stat()
        except OSError:
            if nearest == nearest.parent:
                raise
            nearest = nearest.parent
    disk = os.statvfs(str(nearest))
    kind = next((word for test, word in KINDS if test(found.st_mode)), "special")
    return {
        "path": str(path),
        "kind": kind if nearest == path else "nothing",
        "nearest": str(nearest),
        "owner": _owner(found.st_uid),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "reads": os.access(str(nearest), os.R_OK),
        "writes": os.access(str(nearest), os.W_OK | os.X_OK if kind == "directory" else os.W_OK),
        "read_only": bool(disk.f_flag & os.ST_RDONLY),
        "free": disk.f_bavail * disk.f_frsize,
        "inodes": disk.f_favail if disk.f_files else None,  # some file systems count none and say 0
    }


def _target(request: dict[str, Any]) -> dict[str, Any]:
    where = home(request)
    ports = {slot: int(port) for slot, port in request["ports"].items()}
    return {
        "slots": inspect({"path": request["path"], "ports": ports})["slots"],
        "ports": _ports(ports),
        "releases": sorted(_placed(where)),
        "units": _units(where, request["unit"]) if request.get("unit") else None,
    }


def _ports(ports: dict[str, int]) -> dict[str, Any]:
    """Slot -> who listens there, by pid and command; none: nobody."""
    taken = listening.inodes(tuple(ports.values()))
    return {slot: _named(taken[port]) if port in taken else None for slot, port in ports.items()}


def _named(inodes: set[str]) -> str:
    pids = sorted(processes.holders(inodes))
    return ", ".join(f"pid {pid} ({processes.command(pid)})" for pid in pids) or "a process of another user"


def _placed(where: Home) -> list[str]:
    """Releases that are whole and known how to be started: what a slot can be given without an upload."""
    if not where.releases.is_dir():
        return []
    names = [entry.name for entry in where.releases.iterdir() if (entry / MARKER).exists()]
    return [name for name in names if os.access(str(where.environment(name)), os.R_OK)]


def _units(where: Home, run: dict[str, Any]) -> dict[str, Any]:
    """{slots: {slot: {name, load, active, enabled}}, refusal: what is missing, or none, used: whether one runs a slot, sudo}"""
    from releaser.onhost import unit, unit_ready  # here: most hosts need nothing of it

    slots: dict[str, Any] = {}
    try:
        unit.expect_systemd()
        for slot in SLOTS:
            said = unit.facts(unit.instance(str(run["systemd"]), slot))
            slots[slot] = {"name": unit.instance(str(run["systemd"]), slot), "load": said.load, "active": said.active}
            slots[slot]["enabled"] = said.enabled
        unit_ready.expect_able(where, run)
        refusal = None
    except Refusal as refused:
        refusal = refused.answer()
    used = any((files.read_json(where.status(slot)) or {}).get("unit") for slot in SLOTS)
    return {"slots": slots, "refusal": refusal, "used": used, "sudo": bool(run.get("sudo"))}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user whom neither a variable nor the host's own list names
        return f"uid {os.getuid()}"


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
