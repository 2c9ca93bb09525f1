import ast
import os
from pathlib import Path
from typing import Any

import pytest

import releaser.onhost
from releaser.onhost import clock, files, processes
from releaser.onhost.home import Home, home
from releaser.onhost.supervise import LONGEST_PAUSE, Supervisor, _is_due

MODULES = sorted(Path(releaser.onhost.__file__).parent.glob("*.py"))


@pytest.fixture
def place(tmp_path: Path) -> Home:
    place = home({"path": str(tmp_path / "shop")}, create=True)
    files.write_json(place.want("blue"), {"release": "1.0-00000001", "port": 1, "host": "web1", "drain": 1.0})
    return place


def status(place: Home) -> dict[str, Any]:
    return files.read_json(place.status("blue")) or {}


def test_a_status_that_could_not_be_written_is_written_later(place: Home, tmp_path: Path) -> None:
    supervisor = Supervisor(place, "blue")
    place.run.rename(tmp_path / "away")
    supervisor._note("running", "")
    supervisor._note("waiting", "exit 1")
    assert vars(supervisor)["told"] is False
    (tmp_path / "away").rename(place.run)
    supervisor._tell()
    assert supervisor.told
    assert (status(place)["state"], status(place)["note"]) == ("waiting", "exit 1")


def test_the_pause_doubles_up_to_ten_seconds(place: Home) -> None:
    supervisor = Supervisor(place, "blue")
    pauses = []
    for _ in range(9):
        supervisor._pause({"code": 1, "signal": None, "after": 0.1})
        pauses.append(supervisor.next_start - clock.seconds())
    assert [round(pause, 1) for pause in pauses[:6]] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    assert max(pauses) <= LONGEST_PAUSE
    assert "next start in 10 s" in place.log("blue").read_text()


def test_a_release_that_cannot_start_any_more_is_tried_again(place: Home) -> None:
    supervisor = Supervisor(place, "blue")
    files.write_json(place.environment("1.0-00000001"), {"version": "1.0", "run": "./missing", "env": {}})
    assert not supervisor._start()
    assert status(place)["state"] == "failed"
    supervisor.status["last_exit"] = {"code": 1}
    assert supervisor._start()
    assert status(place)["state"] == "waiting"


@pytest.mark.parametrize(("retire", "due"), [(None, False), ({"at": 1.0}, True), ({"at": 1e12}, False)])
def test_it_retires_by_the_boot_clock(retire: dict[str, float] | None, due: bool) -> None:
    assert _is_due({"retire": retire}) is due


def test_two_processes_with_one_pid_are_told_apart() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    assert processes.alive(me)
    assert not processes.alive(me._replace(started=me.started + 1))
    assert not processes.send(me._replace(started=me.started + 1), 9)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_what_runs_on_a_host_is_python_3_7(module: Path) -> None:
    parsed = ast.parse(module.read_text(), feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(parsed) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(parsed) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith("releaser") and not name.startswith("releaser.onhost")}
