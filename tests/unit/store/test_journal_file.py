"""Is the file private, of one schema, kept on a schedule, and honest about what it cannot take?"""

import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from releaser.core.events import Asked, Opened
from releaser.core.values import Moment
from releaser.errors import JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.store import retention, rows, schema, verify
from releaser.store.asked import TOO_OLD
from releaser.store.entries import entries_after
from releaser.store.schema import MIGRATIONS, ensure
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, PLAN, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)
MOMENT = Moment(1.0, "boot-1", 1_760_000_000.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


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


def test_a_locked_journal_costs_its_patience_and_no_more(path: Path) -> None:
    with SqliteJournal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        journal.append(GOOD[:1])
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(JournalUnavailableError) as caught:
            journal.append(GOOD[1:2], patience=0.05)
        assert time.monotonic() - began < 2.0
        assert "lock" in caught.value.message + caught.value.fix[0]
        assert list(journal.read("good")) == list(GOOD[:1])
        other.execute("COMMIT")
        journal.append(GOOD[:3], patience=10.0)
        assert list(journal.read("good")) == list(GOOD[:3])


def test_without_a_limit_it_waits_as_long_as_it_takes(path: Path) -> None:
    with SqliteJournal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = threading.Thread(target=journal.append, args=(GOOD[:2],))
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        other.execute("COMMIT")
        writing.join(10.0)
        assert list(journal.read("good")) == list(GOOD[:2])


def test_work_that_waits_behind_a_stuck_one_is_dropped_with_its_caller(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD[:1])
        go_on = threading.Event()
        stuck = threading.Thread(target=journal._writer.run, args=(lambda _: go_on.wait(20.0), None))
        stuck.start()
        with pytest.raises(JournalUnavailableError, match=r"did not take an event within 0\.05 s"):
            journal.append(GOOD[1:2], patience=0.05)
        go_on.set()
        stuck.join(10.0)
        journal.append(GOOD[1:3], patience=10.0)
        assert list(journal.read("good")) == list(GOOD[:3])


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


def test_pruning_removes_whole_old_rollouts_and_the_chain_still_holds(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        journal.append(BAD)
        early, head = journal.head(), journal.head()
        assert journal.prune(before=BAD[-1].moment.wall).rows == len(GOOD)
        assert [summary.rollout for summary in journal.rollouts()] == ["bad"]
        assert (list(journal.read("good")), list(journal.read("bad"))) == ([], list(BAD))
        assert (journal.verify(), journal.head(), journal.check_against(*early)) == ([], head, True)
        assert journal.check_against(journal.id, 3, "ab" * 32), "row 3 was pruned: it can no longer be compared"
        assert journal.prune(before=2e9).rows == len(BAD)
        assert (journal.verify(), journal.head()) == ([], head)
        journal.append(entries("third", GOOD_RELEASE))
        assert (journal.verify(), journal.head()[1]) == ([], len(GOOD) + len(BAD) + len(GOOD_RELEASE))
        with pytest.raises(JournalUnavailableError, match="lacks what came before event 1"):
            journal.append(GOOD[1:2])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE journal SET pruned = pruned - 1")
    with SqliteJournal(path) as journal:
        assert "is missing" in journal.verify()[0]


def test_an_open_rollout_keeps_itself_and_what_came_after_it(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        journal.append(BAD[:5])
        journal.append(entries("third", GOOD_RELEASE))
        pruned = journal.prune(before=2e9)
        assert (pruned.rows, pruned.kept_by) == (len(GOOD), "bad")
        assert [summary.rollout for summary in journal.rollouts()] == ["third", "bad"]
        assert journal.verify() == []


def test_pruning_cuts_no_rollout_in_two(path: Path) -> None:
    with SqliteJournal(path) as journal:
        for good, bad in zip(GOOD, BAD, strict=False):
            journal.append([good, bad])
        journal.append(GOOD)
        assert journal.prune(before=2e9, keep_rows=3).rows == 0
        assert journal.prune(before=2e9).rows == len(GOOD) + len(BAD)


def test_a_prune_that_was_killed_leaves_a_journal_that_holds(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        journal.append(BAD)
        journal._write(lambda connection: retention._remove(connection, 10), None)
        assert (journal.verify(), list(journal.read("good")), list(journal.read("bad"))) == ([], [], list(BAD))
        assert journal.prune(before=2e9).rows == len(GOOD) + len(BAD) - 10
        assert journal.verify() == []


@pytest.mark.parametrize("before", [BAD[-1].moment.wall, 2e9], ids=["one", "both"])
def test_who_reads_while_somebody_prunes_sees_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: float
) -> None:
    monkeypatch.setattr(rows, "PAGE", 10)
    monkeypatch.setattr(verify, "PAGE", 10)
    for read in (verify.problems, lambda connection: entries_after(connection, path, "good", -1)):
        path.unlink(missing_ok=True)
        with SqliteJournal(path) as journal, closing(schema.connect(path, read_only=True)) as connection:
            journal.append(GOOD)
            journal.append(BAD)
            pages: list[str] = []

            def prune_at_the_second_page(
                statement: str, pages: list[str] = pages, journal: SqliteJournal = journal
            ) -> None:
                if "LIMIT" in statement:
                    pages.append(statement)
                    if len(pages) == 2:
                        journal.prune(before=before)

            connection.set_trace_callback(prune_at_the_second_page)
            assert list(read(connection)) == []
            assert len(pages) >= 2


def test_old_requests_go_with_the_rest(path: Path) -> None:
    with SqliteJournal(path) as journal:
        number = journal.ask("production", Asked("abort", "ada"), MOMENT)
        journal.answer(number, "done")
        journal.prune(before=2e9)
        assert journal.answer_of(number) is None


def test_an_answer_may_quote_what_is_not_unicode(path: Path) -> None:
    with SqliteJournal(path) as journal:
        number = journal.ask("production", Asked("abort", "ada", "caf\udce9"), MOMENT)
        assert journal.take("production")[0].asked.reason == "caf\udce9"
        journal.answer(number, "going back: caf\udce9")
        assert journal.answer_of(number) == "going back: caf\\udce9"


def test_a_request_of_a_later_version_is_answered_with_a_no(path: Path) -> None:
    with SqliteJournal(path) as journal:
        number = journal.ask("production", Asked("abort", "ada"), MOMENT)
        other = journal.ask("production", Asked("abort", "ada"), MOMENT)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute('UPDATE request SET asked = \'{"kind":"Wish"}\' WHERE id = ?', (number,))
            connection.execute("UPDATE request SET asked = 'x' WHERE id = ?", (other,))
        assert list(journal.take("production")) == []
        assert journal.answer_of(number) == journal.answer_of(other) == TOO_OLD


def test_a_watcher_is_not_stopped_by_a_commit_under_way(path: Path) -> None:
    with SqliteJournal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        before = journal.changed()
        other.execute("BEGIN EXCLUSIVE")
        assert journal.changed() == before
        other.execute("CREATE TABLE x (y)")
        other.execute("COMMIT")
        assert journal.changed() != before


def test_many_threads_may_read_and_write(path: Path) -> None:
    with SqliteJournal(path) as journal:

        def work(name: str) -> None:
            for entry in entries(name, BAD_RELEASE[:6]):
                journal.append([entry], patience=30.0)
                journal.read(name)

        threads = [threading.Thread(target=work, args=(f"r{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
        assert (journal.verify(), journal.head()[1]) == ([], 36)


@pytest.mark.parametrize("mode", ["persist", "wal"])
def test_a_reader_that_stands_still_between_two_rows_blocks_no_writer(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Outside a write-ahead log one SELECT that is not read to its end would keep every commit waiting for ever."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3) if mode == "wal" else (3, 40, 1))
    monkeypatch.setattr(rows, "PAGE", 3)
    with SqliteJournal(path) as journal, closing(schema.connect(path, read_only=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
        journal.append(GOOD)
        reading = rows.held(connection, path, "good", -1)
        seen = []
        for entry in BAD:
            seen.append(next(reading))
            journal.append([entry], patience=5.0)  # it raises where the reader is in its way
        seen += reading
        assert [row[2] for row in seen] == [entry.seq for entry in GOOD]
        assert list(journal.read("bad")) == list(BAD)


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
