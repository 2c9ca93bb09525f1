"""Is this release whole, and still what was placed? Its marker lists every file with its digest."""

from __future__ import annotations

import stat
from pathlib import Path

from releaser.onhost import files, tree
from releaser.onhost.home import MARKER, Home

__all__ = ["CAP", "is_shared", "problem"]

CAP = 2 << 30
"""Bytes that are hashed before a start; of what lies beyond, only names, kinds and modes are compared."""


def problem(place: Home, release: str, artifact: str | None = None) -> str | None:
    """What is wrong with a placed release, in words, or None. `artifact` is the digest that it must have come from.

    Files that the application has added (caches) are no problem; changed, missing and exchanged ones are.
    """
    root = place.release(release)
    marker = files.read_json(root / MARKER)
    if marker is None:
        return "it is not placed, or its placing was broken off"
    if marker.get("release") != release or (artifact is not None and marker.get("artifact") != artifact):
        return f"it was placed from another artifact ({str(marker.get('artifact'))[:12]}...)"
    try:
        entries = tree.parse(marker["listing"])
        shared = [str(name) for name in marker["shared"]]
    except (KeyError, ValueError, TypeError):
        return "its marker is damaged"
    if marker.get("kind") == "dir" and tree.digest(entries) != marker["artifact"]:
        return "its marker was changed"
    return _compare(root, entries, shared)


def is_shared(path: str, shared: list[str]) -> bool:
    """Whether a path of the artifact was replaced by a link to what releases share."""
    return any(path == name or path.startswith(name + "/") for name in shared)


def _compare(root: Path, entries: list[tree.Entry], shared: list[str]) -> str | None:
    left = CAP
    for entry in entries:
        if is_shared(entry.path, shared):
            continue
        at = root / entry.path
        try:
            status = at.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return f"{entry.path} is missing"
        if entry.kind == "d":
            if not stat.S_ISDIR(status.st_mode):
                return f"{entry.path} is no directory any more"
            continue
        if not stat.S_ISREG(status.st_mode) or tree.placed_mode(status.st_mode) & 0o111 != entry.mode:
            return f"{entry.path} has another kind or mode"
        left -= status.st_size
        if left >= 0 and tree.file_digest(at) != entry.content:
            return f"{entry.path} was changed"
    return None
