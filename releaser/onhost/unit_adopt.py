"""Which unit does a process that serves already belong to? Only one whose main process it is, or a child of that."""

from __future__ import annotations

from pathlib import Path

from releaser.onhost import processes, unit
from releaser.onhost.answers import Refusal
from releaser.onhost.processes import Process
from releaser.onhost.unit import Unit

__all__ = ["named", "unit_of"]

PROC = Path("/proc")
HIERARCHIES = frozenset({"", "name=systemd"})
"""Of the lines in /proc/PID/cgroup: the unified hierarchy, and systemd's own beside older ones."""


def unit_of(process: Process, *, sudo: bool) -> Unit:
    """Raises Refusal for a process that no unit keeps: a reboot would not bring it back, and stopping it is nobody's order."""
    unit.expect_systemd()
    name = named((PROC / str(process.pid) / "cgroup").read_text())
    if name is not None and unit.facts(name).pid in (process.pid, processes.parent(process.pid)):
        return Unit(name, sudo)
    raise Refusal(
        "refused",
        f"pid {process.pid} ({processes.command(process.pid)}) is not the main process of a systemd unit",
        "adopt-unit",
        ("run it by a unit first", "or write run: { command: ... } to have releaser take in the process alone"),
    )


def named(text: str) -> str | None:
    """PURE. The system's service that /proc/PID/cgroup names; None for a login's, a container's and a user's own."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        hierarchy, _, path = rest.partition(":")
        parts = path.split("/")
        if hierarchy in HIERARCHIES and parts[-1].endswith(".service") and "user.slice" not in parts:
            return parts[-1]
    return None
