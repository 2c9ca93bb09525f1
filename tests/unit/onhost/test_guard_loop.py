import io
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onhost_site import Site, identity

from releaser.onhost import clock, guard, lock
from releaser.onhost.__main__ import main


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def in_thread(**request: Any) -> tuple[threading.Thread, list[dict[str, Any]]]:
    """The guard's own loop in this process; what it says in the end."""
    said: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: said.append(guard.guard(request)))
    thread.start()
    return thread, said


def test_the_guard_goes_back_says_what_is_wrong_and_ends_when_nothing_is_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path)
    site.become_guard()
    site.acquire()
    site.arm(generation=1001, timer=0.0)
    (site.state / "armed.7.7.json").write_text("{")
    thread, said = in_thread(state=str(site.state), idle=0.0)
    until(site.router.exists)
    until(lambda: site.files("restored") != [])
    assert site.applied() == {"split": {identity("1.0"): 100}, "generation": 1001}
    assert site.read()["guard"] == "alive"
    time.sleep(2.5 * guard.TURN)  # turns in which it could say so again
    (site.state / "armed.7.7.json").unlink()
    thread.join(20)
    assert said == [{"ended": "nothing is armed"}]
    assert capfd.readouterr().err.count("armed.7.7.json: ") == 1, "it is said once, not five times a second"
    assert site.read()["guard"] == "none"


def test_a_second_guard_ends_at_once(tmp_path: Path) -> None:
    claimed = lock.claim(tmp_path / "guard.lock")
    assert claimed is not None
    assert "another" in guard.guard({"state": str(tmp_path)})["ended"]


def test_a_bad_turn_is_not_the_end(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "boot_id").mkdir(parents=True)
    thread, said = in_thread(state=str(state), idle=0.0)
    until((state / "guard.lock").exists)
    (state / "boot_id").rmdir()
    (state / "boot_id").write_text("b")
    thread.join(20)
    assert said == [{"ended": "nothing is armed"}]
    (state / "boot_id").rename(tmp_path / "boot_id")


def test_a_new_boot_is_announced_by_a_guard_that_lived_on(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.become_guard()
    site.acquire()
    site.arm()
    thread, said = in_thread(state=str(site.state), idle=0.0)
    site.reboot()
    until(lambda: site.files("restored") != [])
    thread.join(20)
    assert said == [{"ended": "nothing is armed"}]


def test_a_guard_that_is_not_there_is_seen(tmp_path: Path) -> None:
    assert guard.health(tmp_path) == "none"
    (tmp_path / "guard.json").write_text(json.dumps({"pid": 1, "start": -1, "boot": clock.boot(tmp_path)}))
    assert guard.health(tmp_path) == "dead"
    assert guard.last_words(tmp_path) == "it says nothing"


def test_one_request_in_one_answer_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["agent.pyz", "ledger.read"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"state": str(tmp_path)})))
    assert main() == 0
    assert json.loads(capsys.readouterr().out)["ok"]["fence"] == 0
