"""Do the journal in a file and the one in memory give the same answers?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.core.values import Moment
from releaser.errors import JournalUnavailableError
from releaser.store.sqlite import SqliteJournal
from releaser.testing.contracts_journal import CHECKS, FullJournal
from releaser.testing.memory_journal import MemoryJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries


@pytest.fixture(params=["file", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FullJournal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    with SqliteJournal(tmp_path / "journal.db") as opened:
        yield opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_contract(check: object, journal: FullJournal) -> None:
    assert callable(check)
    check(journal)


def test_both_build_the_same_chain(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as file:
        memory = MemoryJournal(file.id)
        for journal in (file, memory):
            journal.append([*entries("good", GOOD_RELEASE, start=-0.0), *entries("bad", BAD_RELEASE)])
        assert file.head() == memory.head()


def test_the_journal_in_memory_can_be_full() -> None:
    journal = MemoryJournal()
    journal.full = True
    with pytest.raises(JournalUnavailableError, match="its disk is full"):
        journal.append(entries("good", GOOD_RELEASE))
    journal.full = False
    journal.append(entries("good", GOOD_RELEASE))
    assert Moment(100.0, "boot-1", 1_760_000_100.0) == journal.chain[0].moment
