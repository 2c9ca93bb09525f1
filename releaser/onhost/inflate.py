"""What does this artifact say once decompressed? Plain, gzip, bzip2 and xz, told by their first bytes; memory stays bounded."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from hashlib import sha256
from typing import IO, Any

from releaser.onhost.tar import TarError

__all__ = ["Capped", "Hashed", "inflated"]

XZ_MEMORY = 256 << 20
PIECE = 64 * 1024


class Hashed(io.RawIOBase):
    """A file read once from its beginning, with the digest of exactly the bytes that were handed out."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file
        self.running = sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.file.read(len(buffer))
        buffer[: len(piece)] = piece
        self.running.update(piece)
        return len(piece)

    def digest(self) -> str:
        """Of the whole file: what a decompressor left unread is read here."""
        while self.read(1 << 20):
            pass
        return self.running.hexdigest()


class Capped(io.RawIOBase):
    """A decompressed stream that gives at most `most` bytes, whatever its headers promise. Raises TarError."""

    def __init__(self, stream: io.BufferedIOBase, most: int) -> None:
        super().__init__()
        self.stream = stream
        self.left = most
        self.most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self.stream.read(len(buffer))
        except _damage() as error:
            raise TarError(f"it is damaged: {error}") from None
        self.left -= len(piece)
        if self.left < 0:
            raise TarError(f"it unpacks to more than {self.most} bytes")
        buffer[: len(piece)] = piece
        return len(piece)


def inflated(raw: io.RawIOBase) -> io.BufferedIOBase:
    """The decompressed stream of `raw`. Raises TarError where this host's Python lacks the decompressor."""
    file = io.BufferedReader(raw, PIECE)
    start = file.peek(6)[:6]
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return _bzip2(file)
    if start == b"\xfd7zXZ\x00":
        return io.BufferedReader(_Xz(file), PIECE)
    return file


def _bzip2(file: io.BufferedReader[io.RawIOBase]) -> io.BufferedIOBase:
    try:
        import bz2
    except ImportError:
        raise TarError("this host's Python cannot read bzip2: pack the artifact as .tar.gz") from None
    return bz2.BZ2File(file)


class _Xz(io.RawIOBase):
    """lzma.LZMAFile takes no limit of memory, and an xz header may ask for gigabytes."""

    def __init__(self, file: io.BufferedReader[io.RawIOBase]) -> None:
        super().__init__()
        self.file = file
        self.decompressor = self._fresh()
        self.begun = False

    def _fresh(self) -> Any:
        try:
            import lzma
        except ImportError:
            raise TarError("this host's Python cannot read xz: pack the artifact as .tar.gz") from None
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self.decompressor.eof:
                rest = self.decompressor.unused_data.lstrip(b"\0") or self.file.read(PIECE).lstrip(b"\0")
                if not rest:
                    return 0
                self.decompressor = self._fresh()
            else:
                rest = self.file.read(PIECE) if self.decompressor.needs_input else b""
                if self.decompressor.needs_input and not rest:
                    raise EOFError("the xz stream is cut")
            piece = self.decompressor.decompress(rest, len(buffer))
            if piece:
                buffer[: len(piece)] = piece
                return len(piece)


def _damage() -> tuple[type[BaseException], ...]:
    """What the decompressors raise for a damaged stream. LZMAError can only be raised once lzma was imported."""
    kinds: list[type[BaseException]] = [OSError, EOFError, zlib.error]
    lzma = sys.modules.get("lzma")
    if lzma is not None:
        kinds.append(lzma.LZMAError)
    return tuple(kinds)
