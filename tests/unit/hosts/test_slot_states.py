"""What a slot is said to be: a supervisor that has written its last word makes the slot one that ends, not one that is taken."""

import os
from pathlib import Path

import pytest

from releaser.onhost import clock, files, processes
from releaser.onhost.home import Home
from releaser.onhost.slot import look


def written(home: Home, state: str, **more: object) -> None:
    home.run.mkdir(parents=True, exist_ok=True)
    status = {"release": "1.2.0-aaaaaaaa", "boot": clock.boot(home.own), "state": state, **more}
    files.write_json(home.status("green"), status)


@pytest.mark.parametrize("last", ["stopping", "stopped", "failed"])
def test_a_supervisor_about_to_end_leaves_a_slot_that_is_waited_for(tmp_path: Path, last: str) -> None:
    home = Home(tmp_path)
    written(home, last, supervisor=processes.find(os.getpid()))
    assert look(home, "green").state == "stopping"


def test_between_two_starts_the_slot_waits(tmp_path: Path) -> None:
    home = Home(tmp_path)
    written(home, "waiting", supervisor=processes.find(os.getpid()))
    assert look(home, "green").state == "waiting"


def test_a_slot_that_nobody_looks_after_is_free(tmp_path: Path) -> None:
    home = Home(tmp_path)
    written(home, "stopped", supervisor=None)
    assert look(home, "green").state == "stopped"
    assert not look(home, "green").busy
