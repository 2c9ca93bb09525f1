"""A real terminal, a real pipe and real signals, over fake hosts."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
PROCESS = Path(__file__).parents[2] / "unit" / "cli" / "cli_process.py"
COLOUR = re.compile(rb"\x1b\[[0-9;]*[1-9][0-9;]*m")


class Terminal:
    """A command at a terminal of so many columns."""

    def __init__(self, folder: Path, *words: str, columns: int = 80, environ: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, str(PROCESS), str(folder), *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "30", **(environ or {})},
        )
        os.close(slave)
        self.seen = b""

    def read_until(self, wanted: bytes | None, seconds: float = 40.0) -> bytes:
        """Everything up to `wanted`, or up to the end."""
        deadline = time.monotonic() + seconds
        while wanted is None or wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    more = os.read(self.master, 65536)
                except OSError:
                    more = b""
                if not more:
                    break
                self.seen += more
        assert wanted is None or wanted in self.seen, self.seen[-2000:]
        return self.seen

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        self.read_until(None)
        os.close(self.master)
        return self.process.wait(20)


@pytest.mark.parametrize("columns", [80, 120])
def test_promote_at_a_terminal_shows_the_plan_asks_and_shows_the_release(tmp_path: Path, columns: int) -> None:
    terminal = Terminal(tmp_path, "promote", "1.4.2", columns=columns)
    shown = terminal.read_until(b"[y/N] ")
    assert b"way back" in shown
    terminal.type(b"y\n")
    terminal.read_until(b"[>]")
    assert terminal.end() == 0
    assert b"PROMOTED" in terminal.seen
    assert b"Traceback" not in terminal.seen
    assert COLOUR.search(terminal.seen)


def test_no_is_no(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "promote", "1.4.2")
    terminal.read_until(b"[y/N] ")
    terminal.type(b"\n")
    assert terminal.end() == 130
    assert b"nothing was changed" in terminal.seen


def test_no_color_means_no_colour(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "promote", "1.4.2", "-y", environ={"NO_COLOR": "1"})
    assert terminal.end() == 0
    assert not re.search(rb"\x1b\[(?:[0-9;]*;)?3[0-7]m", terminal.seen)


def test_ctrl_c_takes_the_release_back_and_says_so(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "promote", "1.4.2", "-y", "--playbook", "slow")
    terminal.read_until(b"[>] 50 %")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 3
    assert b"SIGINT: going back" in terminal.seen
    assert b"ROLLED BACK" in terminal.seen


def test_a_terminal_that_hangs_up_takes_the_release_back(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "promote", "1.4.2", "-y", "--playbook", "slow")
    terminal.read_until(b"[>] 50 %")
    os.close(terminal.master)
    os.kill(terminal.process.pid, signal.SIGHUP)
    assert terminal.process.wait(20) == 3
    assert "ROLLED BACK" in (tmp_path / "state" / "unread-output.log").read_text()


def piped(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(PROCESS), str(folder), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: "subprocess.Popen[str]", said: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if said in line:
            return
    raise AssertionError(f"{said!r} was never said")


def test_in_a_pipe_a_line_an_event_and_no_cursor_codes(tmp_path: Path) -> None:
    process = piped(tmp_path, "promote", "1.4.2")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "\x1b" not in out + err
    story = err.partition("READY\n")[2].splitlines()
    assert sum(bool(re.match(r"\d\d:\d\d:\d\d  ", one)) for one in story) > 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_goes_back_and_answers_with_one_document(tmp_path: Path, number: signal.Signals) -> None:
    process = piped(tmp_path, "promote", "1.4.2", "--playbook", "slow", "-o", "jsonl")
    assert process.stdout is not None
    for line in process.stdout:
        if '"kind":"Shifted"' in line:
            break
    process.send_signal(number)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    last = json.loads(out.splitlines()[-1])
    assert (process.returncode, last["exit"], last["outcome"], last["reason"]) == (3, 3, "rolled_back", "signal")


def test_a_reader_that_leaves_does_not_stop_a_release(tmp_path: Path) -> None:
    process = piped(tmp_path, "promote", "1.4.2", "-o", "jsonl")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert err.partition("READY\n")[2] == ""
    last = json.loads((tmp_path / "state" / "unread-output.log").read_text().splitlines()[-1])
    assert last["outcome"] == "promoted"
