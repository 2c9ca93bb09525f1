"""Is the file private, of one schema, and honest about what it cannot take?"""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from releaser.core.events import Asked, Opened
from releaser.core.values import Moment
from releaser.errors import JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.store import rows, schema
from releaser.store.asked import TOO_OLD
from releaser.store.schema import MIGRATIONS, ensure
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, PLAN, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)
MOMENT = Moment(1.0, "boot-1", 1_760_000_000.0)


def test_the_file_and_its_directory_are_private(path: Path) -> None:
    with SqliteJournal(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["journal.db"]
    path.chmod(0o644)
    with SqliteJournal(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_rule_about_the_write_ahead_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(path)
    for version, mode in (((3, 51, 2), "persist"), ((3, 51, 3), "wal"), ((3, 40, 1), "persist")):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        with closing(schema.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_journal_works_the_same_with_a_write_ahead_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    with SqliteJournal(path) as journal:
        before = journal.changed()
        journal.append(GOOD)
        assert journal.changed() != before
        assert list(journal.read("good")) == list(GOOD)


def test_the_id_is_random_and_stays(path: Path, tmp_path: Path) -> None:
    with SqliteJournal(path) as one, SqliteJournal(path) as two, SqliteJournal(tmp_path / "other.db") as other:
        assert one.id == two.id != other.id
        assert len(one.id) == 16


def test_a_later_schema_is_refused(path: Path) -> None:
    ensure(path, (*MIGRATIONS, "CREATE TABLE later (x);"))
    with pytest.raises(RefusedError, match=r"written by a later releaser \(schema 2, this one knows 1\)") as caught:
        SqliteJournal(path)
    assert caught.value.fix == ("update releaser on this machine",)
    assert not isinstance(caught.value, JournalCorruptError)


def test_a_migration_keeps_a_copy_and_is_all_or_nothing(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
    wrong = (*MIGRATIONS, "CREATE TABLE later (x); INSERT INTO nowhere VALUES (1);".replace("; ", ";\n"))
    with pytest.raises(JournalCorruptError, match="no such table: nowhere"):
        ensure(path, wrong)
    ensure(path, (*MIGRATIONS, "CREATE TABLE later (x);"))
    kept = path.with_name("journal.db.schema-1")
    with SqliteJournal(kept) as journal:
        assert list(journal.read("good")) == list(GOOD)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_full_disk_names_the_remedy_and_leaves_the_journal_whole(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD[:1])
        (pages,) = journal._writer.run(lambda c: c.execute("PRAGMA page_count").fetchone(), None)
        journal._writer.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall(), None)
        with pytest.raises(JournalUnavailableError, match="no space is left on its disk") as caught:
            journal.append([*GOOD[1:], *BAD], patience=5.0)
        assert caught.value.fix == ("free some space on the disk that holds it",)
        assert list(journal.read("good")) == list(GOOD[:1])
        journal._writer.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall(), None)
        journal.append([*GOOD[1:], *BAD], patience=5.0)
        assert journal.verify() == []


@pytest.mark.parametrize("where", ["a directory", "under a file"])
def test_a_path_that_cannot_be_a_journal(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    with pytest.raises(JournalUnavailableError):
        SqliteJournal(tmp_path / ("directory" if where == "a directory" else "file/journal.db"))


def test_reasons_that_are_not_unicode_are_kept(path: Path) -> None:
    (opened,) = entries("good", [Opened(PLAN, "a\x00da", "caf\udce9")])
    with SqliteJournal(path) as journal:
        journal.append([opened])
        assert list(journal.read("good")) == [opened]
        assert journal.rollouts()[0].reason == "caf\\udce9"
        assert journal.verify() == []


def test_an_answer_may_quote_what_is_not_unicode(path: Path) -> None:
    with SqliteJournal(path) as journal:
        number = journal.ask("production", Asked("abort", "ada", "caf\udce9"), MOMENT)
        assert journal.take("production", "good")[0].asked.reason == "caf\udce9"
        journal.answer(number, "going back: caf\udce9")
        assert journal.answer_of(number) == "going back: caf\\udce9"


def test_a_request_of_a_later_version_is_answered_with_a_no(path: Path) -> None:
    with SqliteJournal(path) as journal:
        number = journal.ask("production", Asked("abort", "ada"), MOMENT)
        other = journal.ask("production", Asked("abort", "ada"), MOMENT)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute('UPDATE request SET asked = \'{"kind":"Wish"}\' WHERE id = ?', (number,))
            connection.execute("UPDATE request SET asked = 'x' WHERE id = ?", (other,))
        assert list(journal.take("production", "good")) == []
        assert journal.answer_of(number) == journal.answer_of(other) == TOO_OLD


def test_what_was_said_of_one_kind(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        journal.append(BAD)
        said = journal.said("good", "StepBegun")
        expected = [entry for entry in GOOD if type(entry.event).__name__ == "StepBegun"]
        assert expected
        assert [wall for wall, _ in said] == [entry.moment.wall for entry in expected]
        assert {fields["kind"] for _, fields in said} == {"StepBegun"}
        assert journal.said("good", "Nothing") == journal.said("nobody", "StepBegun") == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE event SET wall = 0 WHERE rollout = 'good' AND event LIKE '%StepBegun%'")
    with SqliteJournal(path) as journal, pytest.raises(JournalCorruptError, match="does not fit"):
        journal.said("good", "StepBegun")


@pytest.mark.parametrize("environment", [None, "production"])
def test_the_few_open_rollouts_are_found_without_reading_all_the_others(path: Path, environment: str | None) -> None:
    SqliteJournal(path).close()
    where, parameters = rows.which(environment, "outcome IS NULL", upkeep=False)
    with closing(sqlite3.connect(path)) as connection:
        asked = f"EXPLAIN QUERY PLAN {rows.SELECT_SUMMARY} {where} ORDER BY first_position"
        (step,) = connection.execute(asked, parameters).fetchall()
    assert "rollout_open" in step[-1]
