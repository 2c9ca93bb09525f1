"""Which process is this, is it still the same one, and who listens on that port? All of it from /proc."""

from __future__ import annotations

import os
import signal
from collections import namedtuple
from pathlib import Path

from releaser.onhost import listening

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Process", "alive", "command", "find", "holders", "listeners", "members", "parent", "send", "send_session"]

PROC = Path("/proc")
OVER = "ZX"
"""States of a process that has ended: zombie (nobody has waited for it yet) and dead."""
COMMAND_LENGTH = 80


class Process(namedtuple("Process", ("pid", "started"))):  # noqa: PYI024  typing's would be a tenth of every verb's time
    """A pid and when it started, in clock ticks since boot: together they never mean another process of this boot."""

    __slots__ = ()


_Status = namedtuple("_Status", ("parent", "session", "started"))  # noqa: PYI024  as above


def find(pid: int) -> Process | None:
    """The process that has this pid now; None where there is none or it has ended."""
    status = _status(pid)
    return None if status is None else Process(pid, status.started)


def alive(process: Process) -> bool:
    """A process that is stopped (SIGSTOP) is alive: it holds its port and its memory."""
    return find(process.pid) == process


def parent(pid: int) -> int | None:
    status = _status(pid)
    return None if status is None else status.parent


def command(pid: int) -> str:
    """What a person would recognise it by: its first two arguments. Later ones may be secrets, and are not shown."""
    try:
        parts = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[:2]
        return b" ".join(parts).decode(errors="replace").strip()[:COMMAND_LENGTH] or _name(pid)
    except OSError:
        return "?"


def members(session: int) -> list[int]:
    """Everything that lives in a session: what an application has started, unless it moved away on purpose."""
    found = ((pid, _status(pid)) for pid in _pids())
    return [pid for pid, status in found if status is not None and status.session == session]


def listeners(port: int) -> tuple[set[int], bool]:
    """The pids that listen on a TCP port, and whether anybody does: another user's process may have no pid for us."""
    found = listening.inodes((port,)).get(port, set())
    return holders(found), bool(found)


def holders(inodes: set[str]) -> set[int]:
    """The pids that have one of these sockets open, as far as we may look."""
    return {pid for pid in _pids() if _holds(pid, inodes)} if inodes else set()


def send(process: Process, number: int) -> bool:
    """Signal this very process; False where it has ended meanwhile."""
    if not alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def send_session(session: int, number: int = signal.SIGTERM) -> bool:
    """Signal everything that lives in a session; False where nothing does."""
    pids = members(session)
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # ended by itself a moment ago
            continue
    return bool(pids)


def _status(pid: int) -> _Status | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in OVER else _Status(int(fields[1]), int(fields[3]), int(fields[19]))


def _name(pid: int) -> str:
    return (PROC / str(pid) / "comm").read_text(errors="replace").strip()


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        for entry in (PROC / str(pid) / "fd").iterdir():
            target = _link(entry)
            if target.startswith("socket:[") and target[8:-1] in inodes:
                return True
    except (PermissionError, FileNotFoundError, ProcessLookupError):  # another user's, or ended meanwhile
        return False
    return False


def _link(entry: Path) -> str:
    try:
        return os.readlink(str(entry))  # noqa: PTH115  Path.readlink is not in Python 3.7
    except FileNotFoundError:  # closed meanwhile
        return ""
