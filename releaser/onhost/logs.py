"""What did the application on a slot print? The last lines, or all that came since a cursor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from releaser.onhost import files
from releaser.onhost.home import Home, home, remove

__all__ = ["LIMIT", "logs", "rotate", "say"]

LIMIT = 16 << 20
"""Bytes of one log; the part before is kept once."""
ANSWER = 256 << 10
"""Bytes of one answer; the rest comes with the next."""


def logs(request: dict[str, Any]) -> dict[str, Any]:
    """{path, slot, lines: N} or {path, slot, cursor} -> {lines: [...], cursor}. Only whole lines; changes nothing."""
    place, slot = home(request), str(request["slot"])
    rotations = int((files.read_json(place.status(slot)) or {}).get("rotations", 0))
    log = place.log(slot)
    cursor = request.get("cursor")
    if not cursor:
        start = max(0, _size(log) - ANSWER)
        lines, end = _lines(log, start)
        wanted = int(request.get("lines", 100))
        return {"lines": lines[len(lines) - min(wanted, len(lines)) :], "cursor": f"{rotations}.{end}"}
    generation, _, offset = str(cursor).partition(".")
    behind = rotations - int(generation)
    if behind == 1:
        lines, end = _lines(_before(log), int(offset))
        if lines:
            return {"lines": lines, "cursor": f"{generation}.{end}"}
    lines, end = _lines(log, int(offset) if behind == 0 else 0)
    return {"lines": lines, "cursor": f"{rotations}.{end}"}


def rotate(place: Home, slot: str, limit: int = LIMIT) -> bool:
    """Copy, then cut the file itself: the application keeps it open and appends. What it prints in between is lost."""
    log = place.log(slot)
    if _size(log) <= limit:
        return False
    import shutil  # here: it loads every compressor, and most verbs need none

    try:
        shutil.copyfile(str(log), str(_before(log)))
    except OSError:  # no room for the old part: room is what cutting the file gives
        remove(_before(log))
    with log.open("r+b") as file:
        file.truncate(0)
    return True


def say(place: Home, slot: str, what: str) -> None:
    """A line of the supervisor's own in the application's log, where people look first. Lost where there is no room."""
    with suppress(OSError), place.log(slot).open("ab") as log:
        log.write(f"[releaser] {what}\n".encode())


def _before(log: Path) -> Path:
    return log.with_name(log.name + ".1")


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _lines(log: Path, start: int) -> tuple[list[str], int]:
    """The whole lines from `start` on, and where the next one begins. A line longer than an answer is cut there."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            found = file.read(ANSWER)
    except FileNotFoundError:
        return [], 0
    end = found.rfind(b"\n") + 1 or (len(found) if len(found) == ANSWER else 0)
    return found[:end].decode(errors="replace").splitlines(), start + end
