"""What goes when old rollouts are removed, what stays, and who notices?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from releaser.core.events import Asked
from releaser.core.values import Moment
from releaser.errors import JournalUnavailableError
from releaser.store import retention, rows, schema, verify
from releaser.store.entries import entries_after
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)
MOMENT = Moment(1.0, "boot-1", 1_760_000_000.0)


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
