"""Does a copy hold, and does restoring one lose nothing that nobody agreed to lose?"""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from releaser.errors import JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.store import copies
from releaser.store.backup import backup, restore
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
    return path


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "backup.db"
    backup(path, copy)
    return copy


def test_a_backup_is_a_private_whole_journal(path: Path, copy: Path) -> None:
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with SqliteJournal(path) as journal, SqliteJournal(copy) as other:
        assert journal.head() == other.head()
        assert other.verify() == []


def test_a_backup_replaces_no_file(path: Path, copy: Path) -> None:
    with pytest.raises(RefusedError, match="exists"):
        backup(path, copy)


def test_a_backup_that_cannot_be_written_names_its_own_place(path: Path, tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError, match=r"the copy .*nowhere.* cannot be used: No such file"):
        backup(path, tmp_path / "nowhere" / "new.db")


def test_a_damaged_journal_gives_no_backup(path: Path, tmp_path: Path) -> None:
    damage(path)
    with pytest.raises(JournalCorruptError, match="row 3 "):
        backup(path, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    assert not list(tmp_path.glob("*.new"))


def damage(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE event SET wall = 0 WHERE position = 3")


def test_a_lost_journal_comes_back(path: Path, copy: Path) -> None:
    path.unlink()
    head = restore(copy, path)
    with SqliteJournal(path) as journal:
        assert journal.head() == head
        assert list(journal.read("good")) == list(GOOD)


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_a_damaged_journal_is_set_aside(path: Path, copy: Path, content: bytes) -> None:
    path.write_bytes(content)
    restore(copy, path)
    with SqliteJournal(path) as journal:
        assert list(journal.read("good")) == list(GOOD)
    (aside,) = (file for file in path.parent.glob("journal.db.damaged-*") if not file.name.endswith("-journal"))
    assert aside.read_bytes() == content


def test_a_lost_journals_rollback_file_is_not_played_into_the_next_one(path: Path, copy: Path) -> None:
    path.unlink()
    path.with_name("journal.db-journal").write_bytes(b"old")
    with pytest.raises(JournalCorruptError, match=r"the file is gone, but journal\.db-journal"):
        SqliteJournal(path)
    restore(copy, path)
    with SqliteJournal(path) as journal:
        assert journal.verify() == []
    (aside,) = path.parent.glob("journal.db.damaged-*-journal")
    assert aside.read_bytes() == b"old"


def test_a_rollback_file_of_which_nothing_is_left_to_play_is_no_hindrance(path: Path, copy: Path) -> None:
    left = path.with_name("journal.db-journal")
    left.write_bytes(bytes(28) + b"pages of the last commit")
    path.unlink()
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        assert journal.verify() == []
        assert list(journal.read("good")) == list(GOOD)


def test_a_longer_journal_that_does_not_hold_is_kept_as_it_is(path: Path, copy: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(BAD)
    damage(path)
    restore(copy, path, force=True)
    (kept,) = path.parent.glob("journal.db.replaced-*")
    with SqliteJournal(kept) as journal, SqliteJournal(path) as restored:
        assert "row 3 " in journal.verify()[0]
        assert (restored.verify(), list(restored.read("good"))) == ([], list(GOOD))


def test_a_broken_backup_is_refused(path: Path, copy: Path) -> None:
    damage(copy)
    with pytest.raises(JournalCorruptError, match=r"backup\.db is damaged: row 3 "):
        restore(copy, path, force=True)
    with pytest.raises(RefusedError, match="there is no backup"):
        restore(copy.with_name("nothing.db"), path)


def test_a_longer_journal_is_replaced_only_by_force_and_kept(path: Path, copy: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(BAD)
        with pytest.raises(RefusedError, match="has 44 rows, the backup only 25"):
            restore(copy, path)
        assert list(journal.read("bad")) == list(BAD)
        restore(copy, path, force=True)
        assert (list(journal.read("bad")), list(journal.read("good"))) == ([], list(GOOD))
    (kept,) = path.parent.glob("journal.db.replaced-*")
    with SqliteJournal(kept) as journal:
        assert list(journal.read("bad")) == list(BAD)


def test_another_or_a_diverged_journal_is_not_replaced(path: Path, copy: Path, tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "other.db") as other:
        other.append(GOOD[:1])
    with pytest.raises(RefusedError, match="is another one than the backup was made of"):
        restore(copy, tmp_path / "other.db")
    with SqliteJournal(copy) as journal:
        journal.append(BAD)
    with SqliteJournal(path) as journal:
        journal.append(entries("third", BAD_RELEASE[:2]))
    with pytest.raises(RefusedError, match="has another row 27 than the backup"):
        restore(copy, path)


def test_the_same_or_an_earlier_journal_is_brought_up_to_the_backup(path: Path, copy: Path) -> None:
    with SqliteJournal(copy) as journal:
        journal.append(BAD)
    restore(copy, path)
    with SqliteJournal(path) as journal:
        assert list(journal.read("bad")) == list(BAD)


def test_a_locked_journal_is_not_waited_for_for_ever(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST", 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        # In a WAL, which newer versions of SQLite get, no writer hinders a reader.
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with (
            closing(sqlite3.connect(path, timeout=0.0)) as source,
            pytest.raises(JournalUnavailableError, match="in use too much to be copied"),
        ):
            copies.copy_to_new_file(source, tmp_path / "copy.db", path)
