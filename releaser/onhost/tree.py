"""What is the digest of a directory? The same on every machine and under every umask.

sha256 over one line for each directory and each regular file below the root, the root itself left out, sorted by the
UTF-8 bytes of the path:

    d 111 - bin
    f 111 <sha256 of the content> bin/shop
    f 000 <sha256 of the content> etc/shop.toml

that is: the type, the mode & 0111 that the entry has once placed, the content, the path with "/" between its parts. What
is placed is 0755 (executable by anyone, and every directory) or 0644, so a checkout made under umask 077 has the digest
of one made under 022. Times, owners and the other mode bits do not count.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

__all__ = ["CHUNK", "Entry", "TreeError", "digest", "entries", "file_digest", "listing", "parse", "placed_mode"]

CHUNK = 1 << 20


class Entry(NamedTuple):
    """One file ("f") or directory ("d") of a release. `mode` is 0o111 or 0, `content` a sha256 or "-"."""

    path: str
    kind: str
    mode: int
    content: str


class TreeError(Exception):
    """`path` cannot be part of a release, because it is `what`."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path = path
        self.what = what


def placed_mode(mode: int) -> int:
    """The mode of a regular file in a release: 0755 if anyone may execute it, else 0644."""
    return 0o755 if mode & 0o111 else 0o644


def listing(found: Iterable[Entry]) -> str:
    return "".join(
        f"{entry.kind} {entry.mode:03o} {entry.content} {entry.path}\n"
        for entry in sorted(found, key=lambda entry: entry.path.encode())
    )


def parse(text: str) -> list[Entry]:
    """The entries of a listing. Raises ValueError for text that is not one."""
    found = []
    for line in text.splitlines():
        kind, mode, content, path = line.split(" ", 3)
        found.append(Entry(path, kind, int(mode, 8), content))
    return found


def digest(found: Iterable[Entry]) -> str:
    return sha256(listing(found).encode()).hexdigest()


def file_digest(path: Path) -> str:
    running = sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            running.update(chunk)
    return running.hexdigest()


def entries(root: Path, *, links: bool = False) -> list[Entry]:
    """Everything below `root`, as it is on disk.

    With `links`, a symbolic link to a regular file inside the root counts as that file. Raises TreeError for what a
    release cannot hold, OSError for what cannot be read.
    """
    found: list[Entry] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(root / below) as scan:
            for item in scan:
                path = below + "/" + item.name if below else item.name
                entry = _entry(root, path, links=links)
                found.append(entry)
                if entry.kind == "d":
                    waiting.append(path)
    return found


def _entry(root: Path, path: str, *, links: bool) -> Entry:
    _printable(path)
    at = root / path
    status = at.lstat()
    if stat.S_ISLNK(status.st_mode):
        at = _followed(root, path, links=links)
        status = at.lstat()
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, "d", 0o111, "-")
    if not stat.S_ISREG(status.st_mode):
        raise TreeError(path, "is a device, a pipe or a socket")
    return Entry(path, "f", placed_mode(status.st_mode) & 0o111, file_digest(at))


def _printable(path: str) -> None:
    """One line an entry: a path with a newline could pass for two entries."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise TreeError(repr(path), "has a name that is not UTF-8") from None
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        raise TreeError(repr(path), "has a control character in its name")


def _followed(root: Path, path: str, *, links: bool) -> Path:
    if not links:
        raise TreeError(path, "is a symbolic link")
    top = root.resolve()
    try:
        target = (top / path).resolve()
    except (RuntimeError, OSError):
        raise TreeError(path, "is a link to itself") from None
    if top not in target.parents:
        raise TreeError(path, "is a link that leads out of the directory")
    if not target.is_file():
        raise TreeError(path, "is a link to a directory or to nothing")
    return target
