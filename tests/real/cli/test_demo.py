"""`releaser demo` plays its whole story, believes nothing that it did not measure, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
ARGV = [sys.executable, "-m", "releaser", "demo", "--fast", "-o", "json"]


def start(scratch: Path) -> "subprocess.Popen[str]":
    environ = {**os.environ, "TMPDIR": str(scratch)}
    return subprocess.Popen(ARGV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def left_behind(scratch: Path) -> list[str]:
    """Files below the scratch directory, and processes that run in or from it."""
    found = [str(path) for path in scratch.iterdir()]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace") + str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(scratch) in words:
            found.append(words)
    return found


@pytest.fixture
def scratch() -> Any:
    """A short path: HAProxy's socket has at most ninety bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="d") as folder:
        yield Path(folder).resolve()


@pytest.mark.timeout(180)
def test_every_chapter_ends_as_it_must_and_nothing_is_left(scratch: Path) -> None:
    process = start(scratch)
    out, err = process.communicate(timeout=170)
    told = json.loads(out)
    assert process.returncode == 0, (told, err)
    page = told["demo"]
    assert [chapter["outcome"] for chapter in page["chapters"]] == [
        "promoted",
        "rolled back",
        "rolled back",
        "rolled back",
    ]
    assert all(chapter["good"] for chapter in page["chapters"]), page["chapters"]
    assert page["failed_by_us"] == 0
    assert page["problems"] == []
    assert page["versions"]["1.2.0"]["failed"] >= 1
    assert sum(version["requests"] for version in page["versions"].values()) == page["requests"]
    assert left_behind(scratch) == []


@pytest.mark.timeout(120)
def test_ctrl_c_in_the_middle_leaves_nothing(scratch: Path) -> None:
    process = start(scratch)
    deadline = time.monotonic() + 60
    while not list(scratch.glob("rd-*/.releaser/demo/slots/green")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert json.loads(out)["outcome"] == "cancelled"
    assert left_behind(scratch) == []
