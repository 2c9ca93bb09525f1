"""How often did each line of a log come? Counted on from where the last look stopped, over rotations.

A line "SLOT STATUS SECONDS ADDRESS" has a different time each time. With edges it counts as "SLOT STATUS EDGE", the first
edge above its time, and where it tells of a failure once more as "SLOT STATUS @ADDRESS".
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from pathlib import Path

from releaser.onhost import files

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

MOST = 10_000
"""Different lines. A log of a few statuses has a few dozen; another file was named where there are more."""
LONGEST = 200
CHUNK = 1 << 20
FAILED = "500"
BEYOND = "inf"


def add_up(log: Path, kept: Path, edges: list[float]) -> str:
    """{line: number} since the first look, as JSON. Safe beside other readers: totals and place are one file, so whoever
    writes last has counted right, if perhaps not farthest.
    """
    known = files.read_json(kept) or {"inode": 0, "at": 0, "lines": {}}
    lines: dict[str, int] = known["lines"]
    inode = log.stat().st_ino if log.exists() else 0
    at = known["at"] if inode == known["inode"] else 0
    if known["inode"] not in {0, inode}:
        rest = log.with_name(f"{log.name}.1")
        if rest.exists() and rest.stat().st_ino == known["inode"]:
            _count(rest, known["at"], lines, edges)
    if inode:
        at = _count(log, 0 if log.stat().st_size < at else at, lines, edges)
    seen: dict[str, Any] = {"inode": inode, "at": at, "lines": lines}
    if seen != known or inode != known["inode"]:
        keep(kept, seen)
    return json.dumps(lines)


def add(line: str, lines: dict[str, int], edges: list[float]) -> None:
    """Count one line. Where there are too many different ones it is at least counted by its status."""
    slot, _, rest = line[:LONGEST].partition(" ")
    status, _, rest = rest.partition(" ")
    seconds, _, address = rest.partition(" ")
    edge = _edge(seconds, edges) if edges and seconds else ""
    if not edge:
        _one_more(line[:LONGEST], lines)
    elif not _one_more(f"{slot} {status} {edge}", lines):
        lines[f"{slot} {status}"] = lines.get(f"{slot} {status}", 0) + 1
    if edge and address and status >= FAILED:
        _one_more(f"{slot} {status} @{address}", lines)


def _edge(seconds: str, edges: list[float]) -> str:
    """As Python writes it; empty where there is no time."""
    try:
        index = bisect_right(edges, float(seconds))
    except ValueError:
        return ""
    return repr(edges[index]) if index < len(edges) else BEYOND


def _one_more(key: str, lines: dict[str, int]) -> bool:
    known = key in lines or len(lines) < MOST
    if known:
        lines[key] = lines.get(key, 0) + 1
    return known


def _count(log: Path, at: int, lines: dict[str, int], edges: list[float]) -> int:
    """Whole lines from `at` on; where the last of them ends."""
    with log.open("rb") as file:
        file.seek(at)
        while True:
            whole, newline, _ = file.read(CHUNK).rpartition(b"\n")
            if not newline:
                return at
            at += len(whole) + 1
            for line in whole.decode(errors="replace").splitlines():
                add(line, lines, edges)
            file.seek(at)


def keep(path: Path, document: dict[str, Any]) -> None:
    """Renamed into place, but not synced: after a power cut the counters start anew, which their reader notices."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps(document))
    new.replace(path)
