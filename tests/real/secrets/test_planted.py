"""The search for planted secrets can fail: a leak in any form, in a file, a text or a process, is found."""

import subprocess
import sys
from pathlib import Path

import pytest
from planted import FORMS, Planted, watched

pytestmark = pytest.mark.real


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(8))
def test_a_leak_in_any_form_is_found(tmp_path: Path, form: str, number: int) -> None:
    planted = Planted()
    around = b"x" * number + planted.leak(form, number) + b"y"
    assert planted.found_in(around)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "journal.db").write_bytes(around)
    assert planted.files_with(tmp_path) == [tmp_path / "sub" / "journal.db"]


def test_nothing_is_found_where_nothing_leaked(tmp_path: Path) -> None:
    planted, other = Planted(), Planted()
    (tmp_path / "file").write_bytes(other.leak("raw"))
    assert planted.files_with(tmp_path) == []
    assert planted.found_in("hunter") == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked at in /proc")
@pytest.mark.parametrize("place", ["an argument", "a variable"])
def test_a_process_that_has_one_is_found(place: str) -> None:
    planted = Planted()
    argument, variable = (planted.value(1), "") if place == "an argument" else ("", planted.value(1))
    waiting = [sys.executable, "-c", "input()", argument]
    with (
        watched(planted, may=b"nothing at all") as found,
        subprocess.Popen(waiting, stdin=subprocess.PIPE, env={"KEY": variable}) as process,
    ):
        while not found:
            assert process.poll() is None
    assert [line.split()[1] for line in found] == ["-c"]
