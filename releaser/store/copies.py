"""How is a whole database copied while others write to it, without holding its lock for long or waiting for ever?"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from releaser.store.faults import faults, unavailable

__all__ = ["copy_into", "copy_to_new_file"]

PAGES = 2000
"""Pages of one step, 8 MB: about 10 ms, for until it ends no commit can."""
PAUSE = 0.02
"""Seconds between two steps, and before a locked one is tried again."""
MOST = 250


def copy_to_new_file(source: sqlite3.Connection, to: Path, named: Path) -> None:
    """Make `to`, readable by this user only. Raises JournalUnavailableError as `copy_into`, and where `to` cannot be made."""
    with faults(to, "the copy"):
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(to, isolation_level=None)) as copy:
        copy_into(source, copy, named)


def copy_into(source: sqlite3.Connection, target: sqlite3.Connection, named: Path) -> None:
    """Replace what `target` holds, as one transaction there. Raises JournalUnavailableError after five seconds of locks, or
    after 250 commits by others, each of which starts the copy again.
    """
    source.backup(target, pages=PAGES, sleep=PAUSE, progress=_limit(named))


def _limit(named: Path) -> Callable[[int, int, int], None]:
    hindered, left = 0, -1

    def progress(status: int, remaining: int, _total: int) -> None:
        nonlocal hindered, left
        hindered += status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or 0 <= left < remaining
        left = remaining
        if hindered > MOST:
            raise unavailable(named, "is in use too much to be copied", "try again when fewer releases run")

    return progress
