"""Which files does this tar stream hold? A reader of our own, because an archive is a stranger's input.

It knows regular files and directories of the ustar, pax and GNU forms and refuses everything else by name, before
anything is written. No header may be longer than 64 KiB, so that no header can fill the memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Member", "TarError", "members"]

BLOCK = 512
HEADER_LIMIT = 64 * 1024
COPY = 256 * 1024
REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"S": "a sparse file",
}


class TarError(Exception):
    """The archive is damaged, or holds what a release may not hold."""


class Member(NamedTuple):
    """A file ("f") or directory ("d") as the archive names it; nothing about the name is checked yet."""

    path: str
    kind: str
    mode: int
    size: int


def members(stream: io.RawIOBase) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each member with its content in chunks, in the archive's order. What is not read of a content is skipped."""
    override: dict[str, str] = {}
    while True:
        header = _exactly(stream, BLOCK)
        if not header.strip(b"\0"):
            _only_zeros(stream)
            return
        _check(header)
        kind = header[156:157]
        size = _number(header[124:136])
        if kind in (b"x", b"g", b"L", b"K"):
            _extend(override, kind, _long_header(stream, size))
            continue
        size = _pax_size(override, size)
        member = _member(header, kind, override, size)
        override = {}
        content = _Content(stream, member.size)
        yield member, iter(content)
        content.skip()


class _Content:
    """The bytes of one member, then its padding."""

    def __init__(self, stream: io.RawIOBase, size: int) -> None:
        self.stream = stream
        self.left = size
        self.padding = -size % BLOCK

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            chunk = _exactly(self.stream, min(self.left, COPY))
            self.left -= len(chunk)
            yield chunk

    def skip(self) -> None:
        for _ in self:
            pass
        _exactly(self.stream, self.padding)


def _member(header: bytes, kind: bytes, override: dict[str, str], size: int) -> Member:
    path = override.get("path") or _name(header)
    if kind == b"5" or (kind in (b"0", b"\0") and path.endswith("/")):
        if size:
            raise TarError(f"the directory {path!r} has a content")
        return Member(path, "d", 0o755, 0)
    if kind not in (b"0", b"\0"):
        raise TarError(f"{path!r} is {REFUSED.get(kind, f'of the unknown kind {kind!r}')}")
    return Member(path, "f", _number(header[100:108]) & 0o777, size)


def _name(header: bytes) -> str:
    name = _text(header[:100].split(b"\0", 1)[0])
    prefix = header[345:500].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and prefix:
        return _text(prefix) + "/" + name
    return name


def _extend(override: dict[str, str], kind: bytes, content: bytes) -> None:
    """A header about the next member (x, L, K) or about all that follow (g), which may say nothing that matters here."""
    if kind == b"L":
        override["path"] = _text(content.rstrip(b"\0"))
    elif kind == b"x":
        override.update(_records(content))
    elif kind == b"g" and {"path", "size"} & set(_records(content)):
        raise TarError("a global header sets the path or the size of every member")


def _records(content: bytes) -> dict[str, str]:
    """Pax records: a length, a space, KEY=VALUE and a newline, again and again. Only the two keys that change what is written are kept."""
    found: dict[str, str] = {}
    at = 0
    while at < len(content) and content[at : at + 1] != b"\0":
        length, _, _ = content[at : at + 20].partition(b" ")
        if not length.isdigit() or not len(length) + 1 < int(length) <= len(content) - at:
            raise TarError("a pax header is damaged")
        record = content[at + len(length) + 1 : at + int(length)]
        key, found_it, value = record[:-1].partition(b"=")
        if not found_it or record[-1:] != b"\n":
            raise TarError("a pax header is damaged")
        if key.startswith(b"GNU.sparse."):
            raise TarError("it holds a sparse file")
        if key in (b"path", b"size"):
            found[key.decode()] = _text(value)
        at += int(length)
    return found


def _long_header(stream: io.RawIOBase, size: int) -> bytes:
    if size > HEADER_LIMIT:
        raise TarError(f"a header of {size} bytes: at most {HEADER_LIMIT} are read")
    content = _exactly(stream, size)
    _exactly(stream, -size % BLOCK)
    return content


def _pax_size(override: dict[str, str], size: int) -> int:
    text = override.get("size")
    if text is None:
        return size
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise TarError(f"{text[:40]!r} is not a size")
    return int(text)


def _check(header: bytes) -> None:
    """The header's own checksum: unsigned, as every writer of the last thirty years makes it."""
    plain = sum(header) - sum(header[148:156]) + 8 * 32
    if _octal(header[148:156]) != plain:
        raise TarError("it is not a tar archive, or a header is damaged")


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
        if field[0] != 0x80 or value >= 1 << 63:
            raise TarError("a size that is negative or beyond reason")
        return value
    number = _octal(field)
    if number is None:
        raise TarError("a header is damaged")
    return number


def _octal(field: bytes) -> int | None:
    text = field.strip(b"\0 ")
    if not text:
        return 0
    return int(text, 8) if text.isdigit() and not set(text) & set(b"89") else None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise TarError(f"{raw[:80]!r} is not UTF-8") from None


def _exactly(stream: io.RawIOBase, size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            raise TarError("it ends too early: the upload or the build was cut")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _only_zeros(stream: io.RawIOBase) -> None:
    """Nothing may hide behind the end: other readers would unpack it."""
    for chunk in iter(lambda: stream.read(COPY), b""):
        if chunk.strip(b"\0"):
            raise TarError("there are more bytes behind its end")
