"""What did the application on a slot print? The last lines, or all that came since a cursor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from releaser.onhost import files
from releaser.onhost.home import Home, home, remove

__all__ = ["LIMIT", "end_of", "logs", "rotate", "say"]

LIMIT = 16 << 20
"""Bytes of one log; the part before is kept once."""
ANSWER = 256 << 10
"""Bytes of one answer; the rest comes with the next."""


def logs(request: dict[str, Any]) -> dict[str, Any]:
    """{path, slot, lines: N, release} or {path, slot, cursor} -> {lines: [...], cursor}. Only whole lines; changes nothing.

    With `release` no line of what the slot held before it.
    """
    place, slot = home(request), str(request["slot"])
    unit = (files.read_json(place.status(slot)) or {}).get("unit")
    if unit:
        from releaser.onhost import unit_log  # here: most hosts need nothing of it

        return unit_log.logs(place, slot, str(unit), request)
    rotations = _rotations(place, slot)
    log = place.log(slot)
    cursor = request.get("cursor")
    if not cursor:
        start = max(_begin(place, slot, rotations, request.get("release")), _size(log) - ANSWER)
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


def end_of(place: Home, slot: str) -> str:
    """The cursor of what comes next."""
    return f"{_rotations(place, slot)}.{_size(place.log(slot))}"


def _rotations(place: Home, slot: str) -> int:
    return int((files.read_json(place.status(slot)) or {}).get("rotations", 0))


def _begin(place: Home, slot: str, rotations: int, release: str | None) -> int:
    """Where the lines of this release begin in the present part of the log."""
    want = files.read_json(place.want(slot)) or {}
    if release is None or want.get("release") != release:
        return 0
    generation, _, offset = str(want.get("log_from", "0.0")).partition(".")
    return int(offset) if int(generation) == rotations else 0


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
