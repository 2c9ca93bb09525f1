"""Does what a rollback could not journal survive, in order, in room that was taken beforehand?"""

import stat
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releaser.core.codec import encode_entry
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.store.spool import FRAME, Spool
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, entries

BAD = entries("bad", BAD_RELEASE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rollback.spool"


def test_the_room_is_taken_at_once(path: Path) -> None:
    spool = Spool(path, 100_000)
    spool.reserve()
    assert path.stat().st_size == 100_000
    assert path.stat().st_blocks * 512 >= 100_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for entry in BAD:
        spool.write(entry)
    spool.sync()
    assert path.stat().st_size == 100_000
    spool.close()


def test_another_process_finds_what_was_written(path: Path) -> None:
    dead = Spool(path)
    for entry in BAD[:5]:
        dead.write(entry)
    dead.close()
    after = Spool(path)
    assert list(after.drain()) == list(BAD[:5])
    after.write(BAD[5])
    assert list(after.drain()) == list(BAD[:6])
    after.clear()
    assert list(after.drain()) == []
    after.write(BAD[6])
    assert list(Spool(path).drain()) == [BAD[6]]
    after.close()


def test_without_a_file_nothing_waits(path: Path) -> None:
    assert Spool(path).drain() == ()
    assert not path.exists()


def test_a_full_spool_says_so(path: Path) -> None:
    spool = Spool(path, 600)
    spool.write(BAD[1])
    with pytest.raises(JournalUnavailableError, match="is full"):
        spool.write(BAD[0])
    assert list(spool.drain()) == [BAD[1]]
    spool.close()


def test_room_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError, match=r"the spool .* cannot be used"):
        Spool(tmp_path).reserve()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 5000))
def test_a_write_that_was_cut_hides_nothing_before_it(path: Path, cut: int) -> None:
    path.unlink(missing_ok=True)
    spool = Spool(path, 16_000)
    for entry in BAD[1:8]:
        spool.write(entry)
    spool.close()
    path.write_bytes(path.read_bytes()[:cut].ljust(16_000, b"\0"))
    sizes = [FRAME.size + len(encode_entry(entry)) for entry in BAD[1:8]]
    whole = sum(sum(sizes[: number + 1]) <= cut for number in range(len(sizes)))
    assert list(Spool(path).drain()) == list(BAD[1 : 1 + whole])


def test_a_spool_of_something_else_is_named(path: Path) -> None:
    text = b'{"not":"an entry"}'
    path.write_bytes(FRAME.pack(len(text), crc32(text)) + text)
    with pytest.raises(JournalCorruptError, match="cannot be read"):
        Spool(path, 4096).drain()


def test_what_waited_is_written_back_once(path: Path, tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as journal:
        journal.append(BAD[:10])
        spool = Spool(path)
        for entry in BAD[8:]:
            spool.write(entry)
        for _ in range(2):  # killed between the append and the clearing: it is done again
            journal.append(spool.drain())
        spool.clear()
        spool.close()
        assert list(journal.read("bad")) == list(BAD)
