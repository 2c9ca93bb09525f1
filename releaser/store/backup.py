"""How is a journal copied while it is in use, and how does a copy take its place again without losing what is newer?"""

import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_hex

from releaser.errors import JournalCorruptError, RefusedError
from releaser.store import rows, verify
from releaser.store.copies import copy_into, copy_to_new_file
from releaser.store.faults import corrupt, faults
from releaser.store.schema import MIGRATIONS, SIBLINGS, connect, ensure, open_file, version_of

__all__ = ["backup", "restore"]


def backup(journal: Path, to: Path) -> tuple[str, int, str]:
    """A verified copy in the new file `to`, of 0600; releases go on meanwhile. Returns its (id, length, head).

    Raises RefusedError where `to` exists, JournalCorruptError where the journal, and so the copy, does not hold.
    """
    if to.exists():
        raise RefusedError(f"{to} exists", fix=("name a new file for the backup",), code="backup-exists")
    draft = to.with_name(f"{to.name}.{token_hex(4)}.new")
    try:
        with faults(journal), closing(connect(journal, read_only=True)) as connection:
            copy_to_new_file(connection, draft, journal)
        head = _verified(draft, journal)
        draft.rename(to)
    finally:
        draft.unlink(missing_ok=True)
    return head


def restore(copy: Path, journal: Path, *, force: bool = False, as_new: bool = False) -> tuple[str, int, str]:
    """Put a verified copy in the journal's place. Returns its (id, length, head).

    A journal that cannot be read is set aside under another name. One that knows more than the copy, or something else, is
    replaced only with `force`, and kept beside it. `as_new` gives it an id of its own, so that ledgers which remember later
    rows than the copy has do not speak of it any more. Raises RefusedError, or JournalCorruptError for a copy that does not hold.
    """
    if not copy.exists():
        raise RefusedError(f"there is no backup {copy}", fix=("name the file of a backup",), code="no-backup")
    id_, length, head = _verified(copy, copy)
    with faults(journal):
        _make_room(journal, copy, force=force)
    ensure(journal)
    with faults(journal), closing(open_file(copy)) as source, closing(connect(journal)) as target:
        copy_into(source, target, journal)  # under the file's own locks: other processes see it as one change
    ensure(journal)  # a backup may have an earlier schema
    return (_renamed(journal) if as_new else id_), length, head


def _renamed(journal: Path) -> str:
    """The chain begins at the checkpoint, not at the id, and goes on from there."""
    fresh = token_hex(8)
    with faults(journal), closing(connect(journal)) as connection, connection:
        connection.execute("UPDATE journal SET id = ?", (fresh,))
    return fresh


def _make_room(journal: Path, copy: Path, *, force: bool) -> None:
    """Keep under another name what the copy does not hold, or refuse."""
    try:
        newer = _knows_more(journal, copy) if journal.exists() else None
    except JournalCorruptError:
        _set_aside(journal)
        return
    if not journal.exists():
        _set_aside(journal)
    if newer and not force:
        remedy = "restore with --force; the present one is kept"
        raise RefusedError(f"the journal {journal} {newer}", fix=(remedy,), code="journal-newer")
    if newer:
        with closing(connect(journal, read_only=True)) as present:
            copy_to_new_file(present, _beside(journal, "replaced"), journal)


def _set_aside(journal: Path) -> None:
    """With what SQLite keeps beside it: a rollback file of the old one would be played into the new one."""
    aside = _beside(journal, "damaged")
    for suffix in ("", *SIBLINGS):
        part = journal.with_name(journal.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))


def _verified(file: Path, named: Path) -> tuple[str, int, str]:
    with faults(named), closing(open_file(file)) as connection:
        if version_of(connection, named) > len(MIGRATIONS):
            raise RefusedError(
                f"{named} was written by a later releaser", fix=("update releaser",), code="journal-too-new"
            )
        found = verify.problems(connection)
        if found:
            raise corrupt(named, "; ".join(found[:3]))
        return _head(connection)


def _head(connection: sqlite3.Connection) -> tuple[str, int, str]:
    (id_,) = connection.execute("SELECT id FROM journal").fetchone()
    length, digest = rows.tail(connection)
    return id_, length, digest.hex()


def _knows_more(journal: Path, copy: Path) -> str | None:
    """What the present journal has that the copy has not, in words; None: the copy has all of it."""
    with faults(journal), closing(open_file(journal)) as ours, closing(open_file(copy)) as theirs:
        version_of(ours, journal)
        id_, length, head = _head(ours)
        other_id, other_length, _ = _head(theirs)
        if length == 0:
            return None
        if id_ != other_id:
            return "is another one than the backup was made of"
        if length > other_length:
            return f"has {length} rows, the backup only {other_length}"
        there = rows.hash_at(theirs, length)
        return None if there is not None and there.hex() == head else f"has another row {length} than the backup"


def _beside(journal: Path, why: str) -> Path:
    return journal.with_name(f"{journal.name}.{why}-{token_hex(4)}")
