"""Who is inside? One process at a time, by an flock on a file that is created once and never renamed or deleted."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL = 0.005


@contextmanager
def locked(path: Path, until: float) -> Iterator[None]:
    """Hold `path` for the body; waits until the monotonic time `until`, then raises Refusal with nothing changed."""
    descriptor = _open(path)
    try:
        while not _try(descriptor):
            if time.monotonic() > until:
                raise Refusal("failed", f"{path} was locked by another process all the time; try again", "locked")
            time.sleep(POLL)
        yield
    finally:
        os.close(descriptor)


def claim(path: Path) -> int | None:
    """Hold `path` for as long as this process lives, or None where another process does."""
    descriptor = _open(path)
    if _try(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _open(path: Path) -> int:
    """The lock belongs to the inode, so nothing may ever replace the file; closed on exec, or a child would keep it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
