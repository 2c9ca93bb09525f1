"""Where do the events of a rollback wait while the journal does not take them? In a file whose room was taken beforehand.

A rollback goes on with a full disk and a locked journal. Its events lie here, survive the death of the process, and are
written back in order later; the journal ignores those that it has already. One process writes a spool.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from releaser.core.codec import decode_entry, encode_entry
from releaser.core.events import Entry
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.store.faults import faults

__all__ = ["Spool"]

FRAME = struct.Struct("<II")
"""Length and CRC-32 of the text that follows; a length of 0 is the end."""
END = FRAME.pack(0, 0)


class Spool:
    """A file of `size` bytes. What an earlier process left in it stays until `clear`."""

    def __init__(self, path: Path, size: int = 256 * 1024) -> None:
        self.path = path
        self.size = size
        self._file: int | None = None
        self._end = 0

    def reserve(self) -> None:
        """Take the room now, before it is needed. Safe to repeat. Raises JournalUnavailableError where there is none."""
        if self._file is not None:
            return
        with faults(self.path, "the spool"):
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            file = os.open(self.path, flags, 0o600)
            try:
                self._fill(file)
                self._end = sum(FRAME.size + len(text) for text in _frames(_content(file)))
            except BaseException:
                os.close(file)
                raise
            self._file = file

    def write(self, entry: Entry) -> None:
        """Keep one event: in the system's memory at once, on the disk with `sync`, for a hanging disk must not stop us here.

        Raises JournalUnavailableError once the spool is full.
        """
        text = encode_entry(entry).encode()
        frame = FRAME.pack(len(text), crc32(text)) + text
        self.reserve()
        if self._end + len(frame) + len(END) > self.size:
            raise JournalUnavailableError(
                f"the spool {self.path} is full", fix=("free the journal's disk or its lock",), code="spool-full"
            )
        # The end mark goes in the same write: what an earlier, longer content left behind it is never read.
        self._put(self._end, frame + END)
        self._end += len(frame)

    def sync(self) -> None:
        """Wait until the disk has everything. Not on the urgent path."""
        if self._file is not None:
            with faults(self.path, "the spool"):
                os.fsync(self._file)

    def drain(self) -> Sequence[Entry]:
        """What waits here, in order, up to the first frame that was not written to its end. `clear` it once it is appended."""
        if self._file is None and not self.path.exists():
            return ()
        self.reserve()
        with faults(self.path, "the spool"):
            texts = _frames(_content(self._opened()))
        try:
            return tuple(decode_entry(text.decode()) for text in texts)
        except ValueError as fault:
            raise JournalCorruptError(
                f"the spool {self.path} holds an event that cannot be read: {fault}",
                fix=("update releaser, or move the file away if it is not a spool",),
                code="spool-corrupt",
            ) from fault

    def clear(self) -> None:
        self.reserve()
        self._put(0, END)
        self._end = 0
        self.sync()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            raise ValueError("the spool is closed")
        return self._file

    def _fill(self, file: int) -> None:
        """Zeros to the full size. They are written, not only allocated, so that no later write has to ask for room."""
        size = os.fstat(file).st_size
        if size < self.size:
            os.lseek(file, size, os.SEEK_SET)
            _write_all(file, bytes(self.size - size))
            os.fsync(file)

    def _put(self, offset: int, content: bytes) -> None:
        with faults(self.path, "the spool"):
            file = self._opened()
            os.lseek(file, offset, os.SEEK_SET)
            _write_all(file, content)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _frames(content: bytes) -> Sequence[bytes]:
    """The texts up to the end mark, or up to a frame that is cut or does not match its sum."""
    found: list[bytes] = []
    at = 0
    while at + FRAME.size <= len(content):
        length, checksum = FRAME.unpack_from(content, at)
        text = content[at + FRAME.size : at + FRAME.size + length]
        if length == 0 or len(text) < length or crc32(text) != checksum:
            break
        found.append(text)
        at += FRAME.size + length
    return found
