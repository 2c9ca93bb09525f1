"""Does one file serve several processes, some of which are killed, stopped or slow?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from releaser.core.events import Asked
from releaser.core.values import Moment
from releaser.store.spool import Spool
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, ONE_OF_EACH, entries

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[3]
HEAD = """
import sys, time
from itertools import count
from pathlib import Path
from releaser.core.events import Asked
from releaser.core.values import Moment
from releaser.store.spool import Spool
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, ONE_OF_EACH, entries
path, name = Path(sys.argv[1]), sys.argv[2]
"""
WRITER = """
journal = SqliteJournal(path)
for number in count():
    for entry in entries(f"{name}-{number}", BAD_RELEASE):
        journal.append([entry], patience=30.0)
        print(entry.rollout, entry.seq, flush=True)
"""
READER = """
journal = SqliteJournal(path)
print("reading", flush=True)
while True:
    assert not journal.verify(), journal.verify()
    for summary in journal.rollouts(limit=5):
        journal.read(summary.rollout)
"""
SPOOLER = """
spool = Spool(path)
for entry in entries(name, BAD_RELEASE):
    spool.write(entry)
print("written", flush=True)
time.sleep(60)
"""
CREATOR = """
print(SqliteJournal(path).id, flush=True)
"""
ASKER = """
journal = SqliteJournal(path)
number = journal.ask("production", Asked("abort", name), Moment(1.0, "b", 1.0))
while (answer := journal.answer_of(number)) is None:
    time.sleep(0.02)
print(answer, flush=True)
"""
FILLER = """
import resource, signal
from releaser.errors import JournalUnavailableError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = SqliteJournal(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for number in count():
        journal.append(entries(f"{name}-{number}", BAD_RELEASE), patience=30.0)
except JournalUnavailableError as error:
    print(number, error.message.replace(str(path), "FILE"), flush=True)
"""


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", HEAD + script, *map(str, arguments)]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_processes_that_start_together_share_one_journal(
    path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    creators = [start(CREATOR, path, number) for number in range(4)]
    ids = {process.communicate(timeout=60)[0] for process in creators}
    assert len(ids) == 1
    assert len(ids.pop()) == 17
    assert [file.name for file in path.parent.iterdir()] == ["journal.db"]


def test_writers_that_are_killed_lose_nothing_that_was_acknowledged(
    path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    for turn in range(4):
        writers = [start(WRITER, path, f"{turn}{name}") for name in "ab"]
        for writer in writers:
            for _ in range(15 + 7 * turn):
                line_of(writer)
        told = []
        for writer in writers:
            writer.kill()
            told += writer.communicate()[0].splitlines()
        with SqliteJournal(path) as journal:
            assert journal.verify() == []
            for line in told:  # a line that was cut names an earlier event, or none
                rollout, _, seq = line.partition(" ")
                if seq:
                    assert len(journal.read(rollout)) > int(seq)


def test_a_reader_without_pause_blocks_no_writer(path: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    with SqliteJournal(path) as journal:
        for number in range(200):
            journal.append(entries(f"old-{number}", ONE_OF_EACH))
        readers = [start(READER, path, "reader") for _ in range(2)]
        assert [line_of(reader) for reader in readers] == ["reading", "reading"]
        waits = []
        for entry in entries("new", BAD_RELEASE):
            began = time.monotonic()
            journal.append([entry], patience=30.0)
            waits.append(time.monotonic() - began)
        assert [reader.poll() for reader in readers] == [None, None]
        # Pages hold the lock for some milliseconds; the rest is what two busy readers leave of a small machine.
        assert sorted(waits)[len(waits) // 2] < 0.5


def test_a_stopped_reader_stops_nobody_for_good(path: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    """Caught inside a page it holds the lock; the append then fails in time, and goes through once it is continued."""
    with SqliteJournal(path) as journal:
        journal.append(entries("old", ONE_OF_EACH))
        reader = start(READER, path, "reader")
        line_of(reader)
        new = entries("new", BAD_RELEASE)
        for entry in new:
            os.kill(reader.pid, signal.SIGSTOP)
            began = time.monotonic()
            try:
                journal.append([entry], patience=0.2)
            except Exception as error:  # noqa: BLE001  which one is what is asked
                assert type(error).__name__ == "JournalUnavailableError"  # noqa: PT017  both ends are right
            assert time.monotonic() - began < 5.0
            os.kill(reader.pid, signal.SIGCONT)
            journal.append([entry], patience=30.0)
        assert list(journal.read("new")) == list(new)
        assert journal.verify() == []


def test_a_request_from_another_process_is_heard_and_answered(
    path: Path, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    with SqliteJournal(path) as journal:
        seen = journal.changed()
        asker = start(ASKER, path, "ada")
        deadline = time.monotonic() + 60
        heard = None
        while heard is None and time.monotonic() < deadline:
            if journal.changed() != seen:
                heard = next(iter(journal.take("production", "good")), None)
            time.sleep(0.02)
        assert heard
        assert (heard.asked, heard.moment) == (Asked("abort", "ada"), Moment(1.0, "b", 1.0))
        journal.answer(heard.id, "going back")
        assert asker.communicate(timeout=60)[0] == "going back\n"


def test_a_spool_outlives_its_process(path: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = start(SPOOLER, path, "bad")
    assert line_of(process) == "written"
    process.kill()
    process.communicate()
    assert list(Spool(path).drain()) == list(entries("bad", BAD_RELEASE))


def test_a_file_that_may_not_grow_stays_whole(path: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    said = start(FILLER, path, "r").communicate(timeout=60)[0]
    number, _, message = said.partition(" ")
    assert message.strip() in {
        "the journal FILE cannot be read or written",
        "the journal FILE cannot grow: no space is left on its disk",
    }
    with SqliteJournal(path) as journal:
        assert len(journal.rollouts(limit=1000)) == int(number) > 0
        assert journal.verify() == []
