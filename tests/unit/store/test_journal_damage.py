"""Is every kind of damage to the file noticed, named, and never a traceback?"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releaser.errors import JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.store.chain import link, row_text
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries

GOOD, BAD = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE, start=500.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with SqliteJournal(path) as journal:
        journal.append(GOOD)
        journal.append(BAD)
    return path


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


EDITS = {
    "an event": ("UPDATE event SET event = replace(event, '25', '35') WHERE position = 12", "row 12 "),
    "a time": ("UPDATE event SET at = at + 1 WHERE position = 5", "row 5 "),
    "a boot": ("UPDATE event SET boot = 'boot-2' WHERE position = 5", "row 5 "),
    "a wall time": ("UPDATE event SET wall = 0 WHERE position = 5", "row 5 "),
    "a rollout": ("UPDATE event SET rollout = 'gold' WHERE position = 5", "row 5 "),
    "a hash": ("UPDATE event SET hash = x'00' WHERE position = 5", "row 5 "),
    "a hash that is text": ("UPDATE event SET hash = 'x' WHERE position = 5", "row 5 "),
    "bytes that are no text": ("UPDATE event SET event = CAST(x'ff7b7d' AS TEXT) WHERE position = 5", "row 5 "),
    "a blob for text": ("UPDATE event SET event = x'ff' WHERE position = 5", "row 5 "),
    "a row that is gone": ("DELETE FROM event WHERE position = 5", "row 5 is missing"),
    "rows that are gone": ("DELETE FROM event WHERE position BETWEEN 5 AND 7", "rows 5 to 7 are missing"),
    "the first row": ("DELETE FROM event WHERE position = 1", "row 1 is missing"),
    "the last row": ("DELETE FROM event WHERE position = 44", "event 18 of rollout bad is missing"),
    "an outcome": ("UPDATE rollout SET outcome = 'promoted' WHERE rollout = 'bad'", "the summary of rollout bad"),
    "an open rollout": ("UPDATE rollout SET outcome = NULL WHERE rollout = 'bad'", "the summary of rollout bad"),
    "no summary": ("DELETE FROM rollout WHERE rollout = 'bad'", "rollout bad has events and no summary"),
    "another journal's id": ("UPDATE journal SET pruned_hash = x'00'", "row 1 "),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_named(path: Path, name: str) -> None:
    statement, said = EDITS[name]
    edit(path, statement)
    with SqliteJournal(path) as journal:
        found = journal.verify()
        assert found
        assert said in found[0]


def test_the_last_rows_are_walked_alone(path: Path) -> None:
    edit(path, EDITS["a time"][0])
    with SqliteJournal(path) as journal:
        assert journal.verify(last=44)
        assert not journal.verify(last=10)
    edit(path, "UPDATE event SET at = at + 1 WHERE position = 40")
    with SqliteJournal(path) as journal:
        assert "row 40 " in journal.verify(last=10)[0]
        assert "row 5 " in journal.verify()[0]


def test_where_the_row_before_the_last_ones_is_missing_all_are_walked(path: Path) -> None:
    edit(path, "DELETE FROM event WHERE position = 34")
    with SqliteJournal(path) as journal:
        assert journal.verify(last=10) == ["row 34 is missing"]


@pytest.mark.parametrize(
    ("last", "said"), [(3, "SQLite cannot make sense of it"), (99, "is there already and differs")]
)
def test_a_summary_that_miscounts_lets_nothing_be_appended(path: Path, last: int, said: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE rollout SET outcome = NULL, last_seq = ? WHERE rollout = 'bad'", (last,))
    with SqliteJournal(path) as journal:
        with pytest.raises(JournalCorruptError, match=said):
            journal.append(entries("bad", BAD_RELEASE[last % 90 + 1 :][:1], first=last % 90 + 1, start=900.0))
        assert journal.verify()


def test_a_summary_with_a_word_for_a_number_is_named(path: Path) -> None:
    edit(path, "UPDATE rollout SET last_seq = 'many' WHERE rollout = 'bad'")
    with SqliteJournal(path) as journal:
        assert journal.verify() == ["the summary of rollout bad has 'many' as its last_seq"]
        for act in (journal.rollouts, lambda: journal.read("bad"), lambda: journal.append(BAD)):
            with pytest.raises(JournalCorruptError, match="has 'many' as its last_seq"):
                act()


def test_tables_whose_definitions_are_not_even_text_are_named(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE event (", b"CREATE \xff\xfe\xfdLE event ("))
    with pytest.raises(JournalCorruptError, match="definitions cannot be read"), SqliteJournal(path) as journal:
        journal.read("good")


def test_a_row_that_was_moved_is_named(path: Path) -> None:
    edit(
        path,
        "UPDATE event SET position = 1000 WHERE position = 7",
        "UPDATE event SET position = 7 WHERE position = 8",
        "UPDATE event SET position = 8 WHERE position = 1000",
    )
    with SqliteJournal(path) as journal:
        assert [problem[:6] for problem in journal.verify()] == ["row 7 ", "row 8 ", "row 9 "]


def test_a_summary_without_events_is_named(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(entries("third", GOOD_RELEASE[:1]))
    edit(path, "DELETE FROM event WHERE rollout = 'third'")
    with SqliteJournal(path) as journal:
        assert journal.verify() == ["rollout third has a summary and no events"]
        with pytest.raises(JournalCorruptError, match="event 0 of rollout third is missing"):
            journal.read("third")


@pytest.mark.parametrize(
    "name", [name for name, (statement, _) in EDITS.items() if "FROM event" in statement or "UPDATE event" in statement]
)
def test_reading_a_damaged_rollout_is_refused(path: Path, name: str) -> None:
    edit(path, EDITS[name][0])
    with SqliteJournal(path) as journal, pytest.raises(JournalCorruptError) as caught:
        [journal.read(rollout) for rollout in ("good", "bad")]
    assert str(path) in caught.value.message
    assert "restore" in caught.value.fix[0]


def test_at_most_twenty_problems_are_told(path: Path) -> None:
    edit(path, "UPDATE event SET wall = 0")
    with SqliteJournal(path) as journal:
        assert len(journal.verify()) == 20


def test_an_event_that_cannot_be_read_is_named_though_the_chain_holds(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (previous,) = connection.execute("SELECT hash FROM event WHERE position = 43").fetchone()
        row = (44, "bad", 18, 1.0, "b", 1.0, '{"kind":"Finished"}')
        connection.execute(
            "UPDATE event SET at = 1.0, boot = 'b', wall = 1.0, event = ?, hash = ? WHERE position = 44",
            (row[-1], link(previous, row_text(row))),
        )
    with SqliteJournal(path) as journal:
        assert journal.verify() == ["the first or the last event of rollout bad cannot be read"]
        with pytest.raises(JournalCorruptError, match="cannot be read: Finished without its outcome"):
            journal.read("bad")


def cut_to(length: int) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:length])

    return cut


def scribble(path: Path) -> None:
    path.write_bytes(b"this is a text file of somebody else\n" * 400)


def another_database(path: Path) -> None:
    path.unlink()
    edit(path, "CREATE TABLE shopping (item TEXT)")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_to(0), "the file is empty, so it was cut"),
        (cut_to(50), "the file is not a journal of releaser"),
        (cut_to(9000), "SQLite cannot make sense of it"),
        (scribble, "the file is not a database"),
        (another_database, "the file is not a journal of releaser"),
    ],
)
def test_a_file_that_is_no_journal_any_more(path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(path)
    with pytest.raises(JournalCorruptError, match=said), SqliteJournal(path) as journal:
        journal.read("good")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_byte_is_a_traceback_or_another_story(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ data.draw(st.integers(1, 255))
    copy = path.with_name("flipped.db")
    copy.write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
    try:
        with SqliteJournal(copy) as journal:
            problems = journal.verify()
            read = journal.read("good"), journal.read("bad")
    except (RefusedError, JournalUnavailableError):  # damaged, or the number of a later schema
        return
    assert problems or [list(part) for part in read] in ([list(GOOD), list(BAD)], [[], list(BAD)], [list(GOOD), []])


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_loses_its_name_is_noticed(path: Path, how: str) -> None:
    with SqliteJournal(path) as journal:
        kept = path.rename(path.with_name("elsewhere"))
        if how == "replaced":
            path.write_bytes(kept.read_bytes())
        for act in (lambda: journal.read("good"), lambda: journal.append(GOOD), journal.changed):
            with pytest.raises(JournalCorruptError, match="removed or replaced while it was in use"):
                act()


def test_a_truncated_journal_is_known_by_a_ledger(path: Path) -> None:
    with SqliteJournal(path) as journal:
        known = journal.head()
    edit(path, "DELETE FROM event WHERE rollout = 'bad'", "DELETE FROM rollout WHERE rollout = 'bad'")
    with SqliteJournal(path) as journal:
        assert journal.verify() == []
        with pytest.raises(
            JournalCorruptError, match="ends at row 25, but a router's ledger knows 44 rows, so it was cut"
        ):
            journal.check_against(*known)
