"""What lies in a journal file, and how is one made, opened and brought up to date?"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

from releaser.errors import RefusedError
from releaser.store.chain import genesis
from releaser.store.copies import copy_to_new_file
from releaser.store.faults import corrupt, faults

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "SIBLINGS",
    "connect",
    "ensure",
    "open_file",
    "transaction",
    "version_of",
]

APPLICATION_ID = 0x726C7372
WAL_IS_SOUND_FROM = (3, 51, 3)
"""Below, a write-ahead log that is reset while another process reads may lose committed rows."""
KEPT = 1 << 20
"""Bytes of the rollback journal that stay on the disk between two commits."""

SIBLINGS = ("-journal", "-wal", "-shm")
"""What SQLite itself keeps beside a database; it would play such a file into any database of that name."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE journal (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        id TEXT NOT NULL,
        pruned INTEGER NOT NULL DEFAULT 0,      -- the checkpoint: rows up to this position were removed ...
        pruned_hash BLOB NOT NULL               -- ... and this was the hash of the last of them
    );
    CREATE TABLE event (
        position INTEGER PRIMARY KEY,
        rollout TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at REAL NOT NULL,
        boot TEXT NOT NULL,
        wall REAL NOT NULL,
        event TEXT NOT NULL,
        hash BLOB NOT NULL,
        UNIQUE (rollout, seq)
    );
    CREATE TABLE rollout (
        rollout TEXT PRIMARY KEY,
        environment TEXT NOT NULL,
        kind TEXT NOT NULL,
        release TEXT NOT NULL,
        version TEXT NOT NULL,
        origin TEXT,
        playbook TEXT NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        opened REAL NOT NULL,
        outcome TEXT,
        why TEXT NOT NULL,
        finished REAL,
        seconds_to_stable REAL,
        last_seq INTEGER NOT NULL,
        last_kind TEXT NOT NULL,
        first_position INTEGER NOT NULL,
        last_position INTEGER NOT NULL
    );
    CREATE INDEX rollout_environment ON rollout (environment, first_position);
    CREATE INDEX rollout_open ON rollout (first_position) WHERE outcome IS NULL;
    CREATE INDEX rollout_first ON rollout (first_position);
    CREATE TABLE request (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        environment TEXT NOT NULL,
        rollout TEXT,
        at REAL NOT NULL,
        boot TEXT NOT NULL,
        wall REAL NOT NULL,
        asked TEXT NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        answer TEXT
    );
    CREATE INDEX request_waiting ON request (environment) WHERE taken = 0;
    """,
)


def ensure(path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """After this `path` is a journal of the present schema, readable by this user only.

    Raises JournalCorruptError for a file that is no journal, RefusedError for one of a later version.
    """
    with faults(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path, migrations)
        if path.stat().st_size == 0:
            raise corrupt(path, "the file is empty, so it was cut")
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
        with closing(open_file(path)) as connection:
            if version_of(connection, path) != len(migrations):
                _migrate(connection, path, migrations)


def connect(path: Path, *, wait: float = 5.0, read_only: bool = False) -> sqlite3.Connection:
    """A connection by the rules: every commit durable, WAL only where it is sound, damaged text readable.

    Elsewhere PERSIST, whose commit is a synced overwrite: the unlink that commits in DELETE is synced by nobody, so that
    a power cut in the seconds after it takes the commit back. Readers, too, may write the file: they roll back what a killed writer left half done. `wait` is in seconds.
    """
    connection = open_file(path, wait=wait)
    try:
        mode = "wal" if sqlite3.sqlite_version_info >= WAL_IS_SOUND_FROM else "persist"
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != mode:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"PRAGMA journal_size_limit = {KEPT}")
        connection.execute("PRAGMA synchronous = FULL")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_file(path: Path, *, wait: float = 5.0) -> sqlite3.Connection:
    """Opens what exists and never makes a file: SQLite itself would take a missing journal for an empty one."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. The write lock is taken at the start, so that a transaction that began also ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself has rolled back after some errors
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's number. Raises JournalCorruptError for a database that is not a journal."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise corrupt(path, "the file is not a journal of releaser")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _create(path: Path, migrations: Sequence[str]) -> None:
    """Made under another name and then linked into place: nobody ever sees half a journal, whenever we are killed."""
    siblings = [part for suffix in SIBLINGS if _holds_something(part := path.with_name(path.name + suffix))]
    if (
        siblings and not path.exists()
    ):  # asked again: another process may have made the journal just now, and be writing
        raise corrupt(path, f"the file is gone, but {siblings[0].name}, which belongs to it, is there")
    draft = path.with_name(f"{path.name}.{token_hex(4)}.new")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(open_file(draft)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _apply(connection, migrations, 0)
            journal_id = token_hex(8)
            row = (journal_id, genesis(journal_id))
            connection.execute("INSERT INTO journal (only, id, pruned_hash) VALUES (1, ?, ?)", row)
        with suppress(FileExistsError):  # another process was first: its journal is as good as ours
            os.link(draft, path)
    finally:
        draft.unlink()


def _holds_something(sibling: Path) -> bool:
    """A rollback journal that begins with a zero byte was committed: SQLite itself plays nothing of it into a database."""
    try:
        with sibling.open("rb") as file:
            return not sibling.name.endswith("-journal") or file.read(1) != b"\0"
    except FileNotFoundError:
        return False


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    version = version_of(connection, path)
    if version > len(migrations):
        raise RefusedError(
            f"the journal {path} was written by a later releaser (schema {version}, this one knows {len(migrations)})",
            fix=("update releaser on this machine",),
            code="journal-too-new",
        )
    kept = path.with_name(f"{path.name}.schema-{version}")
    if not kept.exists():
        copy_to_new_file(connection, kept, path)
    _apply(connection, migrations, version)


def _apply(connection: sqlite3.Connection, migrations: Sequence[str], version: int) -> None:
    """One transaction for all steps from `version` on; a second process that waited for it finds nothing to do."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for script in migrations[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _statements(script: str) -> Iterator[str]:
    """Statements one by one: `executescript` would commit the transaction that they belong to."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
