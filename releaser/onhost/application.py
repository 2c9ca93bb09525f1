"""How is an application started, watched and ended? A child of ours, or a process that was there before us."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from releaser.onhost import clock, files, processes
from releaser.onhost.answers import Refusal
from releaser.onhost.command import render
from releaser.onhost.detach import INHERITED
from releaser.onhost.home import Home
from releaser.onhost.processes import Process

__all__ = ["Application", "spawn"]


class Application:
    """A process, its `popen` where we started it, and whether its whole session is its own (not so if adopted)."""

    def __init__(self, process: Process, popen: subprocess.Popen[bytes] | None, *, own_session: bool) -> None:
        self.process = process
        self.popen = popen
        self.own_session = own_session
        self.born = clock.seconds()

    def runs(self) -> bool:
        """Its first process: when that ends, the application has ended, whatever it left behind."""
        return processes.alive(self.process) if self.popen is None else self.popen.poll() is None

    def left(self) -> bool:
        """Anything of it at all."""
        return self.runs() or (self.own_session and bool(processes.members(self.process.pid)))

    def send(self, number: int) -> None:
        """Signal all of it; an adopted process alone, because its session may be somebody's terminal."""
        if self.own_session:
            processes.send_session(self.process.pid, number)
        else:
            processes.send(self.process, number)

    def ending(self) -> dict[str, Any]:
        """{code, signal, after}: how it ended, and after how many seconds; code and signal unknown for a taken-in one."""
        status = self.popen.returncode if self.popen is not None else None
        return {
            "code": status if status is not None and status >= 0 else None,
            "signal": signal.Signals(-status).name if status is not None and status < 0 else None,
            "after": round(clock.seconds() - self.born, 1),
        }


def spawn(place: Home, slot: str, want: dict[str, Any]) -> Application:
    """Start what the slot is bound to, its output appended to the slot's log, in a session of its own.

    Raises OSError where it cannot be run and ValueError for a template that says nothing, or variables that are gone.
    """
    kept = files.read_json(place.environment(str(want["release"]))) or {}
    names = {
        "port": str(want["port"]),
        "slot": slot,
        "release": str(want["release"]),
        "version": str(kept["version"]),
        "host": str(want.get("host", "")),
    }
    own = _forgettable(place, names["release"]) if kept.get("forget") else kept["env"]
    with place.log(slot).open("ab") as log:
        popen = subprocess.Popen(
            render(str(kept["run"]), names),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=str(place.slot(slot)),
            env=_environment(names, own),
            start_new_session=True,
        )
    return Application(processes.find(popen.pid) or Process(popen.pid, 0), popen, own_session=True)


def _forgettable(place: Home, release: str) -> dict[str, Any]:
    from releaser.onhost import memory  # here: most hosts need nothing of it

    try:
        return memory.kept(place, release)
    except Refusal as refusal:
        raise ValueError(refusal.message) from None


def _environment(names: dict[str, str], own: dict[str, Any]) -> dict[str, str]:
    """A little of ours, PORT and RELEASER_SLOT, _RELEASE and _VERSION, and the environment's own values on top."""
    found = {name: os.environ[name] for name in INHERITED if name in os.environ}
    found.setdefault("PATH", os.defpath)
    found["PORT"] = names["port"]
    found.update({"RELEASER_" + name.upper(): names[name] for name in ("slot", "release", "version")})
    found.update({str(name): str(value) for name, value in own.items()})
    return found
