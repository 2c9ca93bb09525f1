"""What does a failure of SQLite or of the file system mean for the operator, and what helps?"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from releaser.errors import JournalCorruptError, JournalUnavailableError

__all__ = ["DamagedError", "corrupt", "faults", "unavailable"]

RESTORE = (
    "releaser journal restore FILE, the last backup; until then only `releaser rollback` and `releaser status` go on"
)

NONSENSE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR}
"""Our statements are tested: where a table or a rule of it does not fit them, the file is not what we made."""

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: ("is locked by another process", "look for a stopped or hanging releaser process"),
    sqlite3.SQLITE_LOCKED: ("is locked by another process", "look for a stopped or hanging releaser process"),
    sqlite3.SQLITE_FULL: ("cannot grow: no space is left on its disk", "free some space on the disk that holds it"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "let this user write the file and its directory"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "let this user read and write the file and its directory"),
    sqlite3.SQLITE_AUTH: ("cannot be opened", "let this user read and write the file and its directory"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "let this user read and write the file and its directory"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "check the disk that holds it"),
}


class DamagedError(Exception):
    """A row that cannot be what was written, found where the file's name is not known: `faults` adds it."""


@contextmanager
def faults(path: Path, what: str = "the journal") -> Iterator[None]:
    """Inside, failures of SQLite and of the file system become JournalUnavailableError or JournalCorruptError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, path) from error
    except DamagedError as error:
        raise corrupt(path, str(error)) from error
    except UnicodeDecodeError as error:
        # What SQLite quotes from a damaged schema in its message is not always text.
        raise corrupt(path, "its tables' definitions cannot be read") from error
    except OSError as error:
        reason = error.strerror or "the file system said no"
        raise JournalUnavailableError(
            f"{what} {path} cannot be used: {reason}",
            fix=("check the path, its rights and its disk",),
            code="journal-unavailable",
        ) from error


def unavailable(path: Path, problem: str, fix: str) -> JournalUnavailableError:
    return JournalUnavailableError(f"the journal {path} {problem}", fix=(fix,), code="journal-unavailable")


def corrupt(path: Path, problem: str, *more: str) -> JournalCorruptError:
    """`more` are remedies beside the last backup."""
    return JournalCorruptError(
        f"the journal {path} is damaged: {problem}", fix=(RESTORE, *more), code="journal-corrupt"
    )


def _named(error: sqlite3.Error, path: Path) -> JournalCorruptError | JournalUnavailableError:
    # The low byte is the primary code; errors of the Python module itself (a closed connection) have none.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return corrupt(path, "the file is not a database")
    if code in NONSENSE:
        return corrupt(path, f"SQLite cannot make sense of it ({error})")
    problem, fix = _UNAVAILABLE.get(code, (f"does not answer ({error})", "check the disk that holds it"))
    return unavailable(path, problem, fix)
