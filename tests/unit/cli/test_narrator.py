"""A telling that fails: it is said, the rest is told all the same, and the release never notices."""

import errno
import io
import json
import os
import threading
from pathlib import Path

from cli_running import until
from cli_world import Place

from releaser.cli.follow import Following
from releaser.cli.main import run
from releaser.cli.narrate import Narrator, Silent, said_once
from releaser.cli.render import Screen
from releaser.testing.samples import GOOD_RELEASE, entries


class Stumbling(Silent):
    """Fails at some entries, and at every sign of life."""

    every = 0.02

    def __init__(self, *at: int) -> None:
        self.at = at
        self.told: list[int] = []
        self.idled = 0
        self.ended = False

    def news(self, following: Following) -> None:
        assert following.last is not None
        if following.last.seq in self.at:
            raise KeyError(f"entry {following.last.seq}")
        self.told.append(following.last.seq)

    def idle(self, following: Following) -> None:
        self.idled += 1
        raise RuntimeError("no screen")

    def end(self, following: Following) -> None:
        self.ended = True


def test_a_defect_in_the_telling_is_said_once_and_silences_nothing_else(tmp_path: Path) -> None:
    err, log = io.StringIO(), tmp_path / "unread-output.log"
    teller = Stumbling(2, 5)
    narrator = Narrator(teller, Following(), said_once(Screen(io.StringIO(), err, overflow=lambda: log)))
    for entry in entries("r1", GOOD_RELEASE[:8]):
        narrator.tell(entry)
    until(lambda: teller.idled > 3)
    narrator.close()
    assert teller.told == [0, 1, 3, 4, 6, 7]
    assert teller.ended
    said = err.getvalue().splitlines()
    assert [line.partition("(")[2].partition(")")[0] for line in said] == [
        "KeyError: 'entry 2'", "KeyError: 'entry 5'", "RuntimeError: no screen",
    ]  # fmt: skip
    assert all("the release goes on" in line and str(log) in line for line in said)
    kept = log.read_text()
    assert [kept.count(name) for name in ("KeyError: ", "RuntimeError: ")] == [2, teller.idled]


def test_a_journal_that_lost_the_beginning_does_not_silence_the_rest() -> None:
    """After a recovery with a journal that cannot be read the state is unknown, and what happens is told all the same."""
    past = entries("r1", GOOD_RELEASE)
    without = Following(lambda rollout: ())
    assert [without.take(entry) for entry in past[4:6]] == [True, True]
    assert without.last == past[5]
    assert without.rollout is None
    assert without.sentence(past[5])
    holed = Following()
    holed.take_all(past[:3])
    assert holed.take(past[6])
    assert (holed.last, holed.rollout.seq if holed.rollout else None) == (past[6], 2)


def test_entries_that_got_lost_on_the_way_are_read_from_the_journal() -> None:
    past = entries("r1", GOOD_RELEASE)
    following = Following(lambda rollout: past)
    following.take_all(past[:3])
    assert following.take(past[9])
    assert following.rollout is not None
    assert following.rollout.seq == 9


class Reset(io.StringIO):
    """Somebody at the other end of a socket, who hangs up after the third line."""

    def write(self, text: str) -> int:
        if self.getvalue().count("\n") >= 3:
            raise OSError(errno.ECONNRESET, "Connection reset by peer")
        return super().write(text)


def test_a_release_whose_reader_hangs_up_is_promoted_and_its_answer_is_in_the_log(place: Place) -> None:
    out, err = Reset(), io.StringIO()
    words = ["promote", "1.4.1", "-o", "jsonl", "--folder", str(place.folder)]
    code = run(words, environ=place.environ, stdin=io.StringIO(), out=out, err=err, opener=place.open)
    assert code == 0
    log = Path(place.environ["RELEASER_STATE"]) / "unread-output.log"
    told = [json.loads(line) for line in (*out.getvalue().splitlines(), *log.read_text().splitlines())]
    assert [one["seq"] for one in told[:-1]] == list(range(len(told) - 1))
    assert told[-1]["outcome"] == "promoted"
    assert "Connection reset by peer" in err.getvalue()
    assert str(log) in err.getvalue()


def test_a_pipe_that_somebody_made_non_blocking_loses_no_line(tmp_path: Path) -> None:
    """Some CI runners hand their own pipe on as it is; a reader that is slow for a moment must not cost a line."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    lines = [f"{number} {'x' * 8000}" for number in range(40)]
    read: list[str] = []

    def reader() -> None:
        with os.fdopen(reading, encoding="ascii") as file:
            read.extend(file.read().splitlines())

    with os.fdopen(writing, "w", encoding="ascii") as stream:
        screen = Screen(stream, io.StringIO(), overflow=lambda: tmp_path / "log")
        screen.text(lines[0])
        thread = threading.Thread(target=reader, daemon=True)
        thread.start()
        for line in lines[1:]:
            screen.text(line)
    thread.join(20)
    assert read == lines
    assert not (tmp_path / "log").exists()
