"""May this archive be unpacked here, and what came out of it? Regular files and directories only, into a fresh directory.

The archive is read twice: first to see every name and size before anything is written, then to write. Both readings
apply the same rules, and each takes the digest of exactly the bytes that it read, so that a file that is exchanged
between the two is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from releaser.onhost.inflate import Capped, Hashed, inflated
from releaser.onhost.tar import Member, TarError, members
from releaser.onhost.tree import Entry, placed_mode

__all__ = ["Limits", "Total", "extract", "survey"]

PATH_LIMIT = 1024
NAME_LIMIT = 255
DEPTH_LIMIT = 64
BLOCK = 512


class Limits(NamedTuple):
    """What an archive may hold at most. `ratio` is unpacked to packed bytes, from `ratio_from` unpacked bytes on."""

    entries: int = 100_000
    bytes: int = 4 << 30
    ratio: int = 200
    ratio_from: int = 64 << 20


class Total(NamedTuple):
    """What an archive takes once unpacked, and the sha256 of the archive as it was read."""

    entries: int
    bytes: int
    digest: str


def survey(archive: Path, limits: Limits, *, reserved: tuple[str, ...] = ()) -> Total:
    """Read everything, write nothing. Raises TarError for what a release may not hold; `reserved` are our own names."""
    with archive.open("rb") as file:
        raw = Hashed(file)
        kinds: dict[str, str] = {}
        size = 0
        for member, _ in _checked(raw, archive.stat().st_size, limits, kinds):
            size += member.size
            if member.path.split("/", 1)[0] in reserved:
                raise TarError(f"{member.path!r} is a name that releaser keeps for itself")
        return Total(len(kinds), size, raw.digest())


def extract(archive: Path, into: Path, limits: Limits) -> tuple[str, list[Entry]]:
    """Write everything below the empty directory `into`; what was written, and the sha256 of the archive as it was read."""
    with archive.open("rb") as file:
        raw = Hashed(file)
        kinds: dict[str, str] = {}
        contents: dict[str, Entry] = {}
        for member, chunks in _checked(raw, archive.stat().st_size, limits, kinds):
            if member.kind == "f":
                contents[member.path] = _write(into, member, chunks)
            else:
                (into / member.path).mkdir(mode=0o755, parents=True, exist_ok=True)
        written = [contents.get(path, Entry(path, "d", 0o111, "-")) for path in kinds]
        return raw.digest(), written


def _checked(
    raw: Hashed, packed: int, limits: Limits, kinds: dict[str, str]
) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """The members with clean paths, each checked before it is given; `kinds` collects all paths, parents included."""
    most = min(limits.bytes, max(limits.ratio_from, limits.ratio * packed))
    stream = Capped(inflated(raw), most + BLOCK * 4 * limits.entries)
    size = 0
    for member, chunks in members(stream):
        path = _clean(member.path)
        if path is None:
            continue
        _claim(kinds, path, member.kind)
        size += member.size
        if len(kinds) > limits.entries:
            raise TarError(f"it holds more than {limits.entries} files and directories")
        if size > most:
            raise TarError(f"it unpacks to more than {most} bytes from {packed}: that is a bomb or the wrong file")
        yield member._replace(path=path), chunks


def _clean(raw: str) -> str | None:
    """The path as it will be below the release, or None for the root itself. Raises TarError for a way out."""
    path = raw.rstrip("/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    if path in ("", ".") and not raw.startswith("/"):
        return None
    parts = path.split("/")
    if raw.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise TarError(f"{raw[:200]!r} leads out of the release or is not a plain path")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        raise TarError(f"{raw[:200]!r} holds a control character")
    too_long = len(path.encode()) > PATH_LIMIT or any(len(part.encode()) > NAME_LIMIT for part in parts)
    if too_long or len(parts) > DEPTH_LIMIT:
        raise TarError(f"{raw[:200]!r} is too long or too deep")
    return path


def _claim(kinds: dict[str, str], path: str, kind: str) -> None:
    """One path, one entry. A directory that was only implied by a file below it may still be named."""
    known = kinds.get(path)
    if known is not None and not (known == "implied" and kind == "d"):
        raise TarError(f"{path!r} stands in it twice")
    kinds[path] = kind
    parent = path
    while "/" in parent:
        parent = parent.rsplit("/", 1)[0]
        if kinds.setdefault(parent, "implied") == "f":
            raise TarError(f"{parent!r} is a file and a directory in it")


def _write(into: Path, member: Member, chunks: Iterator[bytes]) -> Entry:
    path = into / member.path
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = placed_mode(member.mode)
    running = sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(str(path), flags, 0o600), "wb") as file:
        for chunk in chunks:
            running.update(chunk)
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), mode)
    return Entry(member.path, "f", mode & 0o111, running.hexdigest())
