"""Who waits for whom when several use one journal, and for how long?"""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from releaser.errors import JournalUnavailableError
from releaser.store import rows, schema
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)


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
