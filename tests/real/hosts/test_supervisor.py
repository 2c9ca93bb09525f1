"""How does an application live and end in its slot, whatever is killed beside it, and what does its log say of it?"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hosts_stage import Stage, until

import releaser
from releaser.onhost import processes, slots
from releaser.onhost.answers import Refusal

pytestmark = pytest.mark.real


def test_a_release_is_placed_started_asked_and_stopped(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    assert stage.get() == "1.0.0 hello"
    (blue, green) = target.inspect(within=10)
    assert (blue.release, blue.running, blue.hosts) == (release.id, True, {"local": "running"})
    assert (green.release, green.running) == (None, False)
    stage.stop(target, release.id, "blue")
    assert not target.inspect(within=10)[0].running
    assert "drained" in stage.log()
    assert stage.clear() == []


def test_an_application_that_ends_is_started_again(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    first = stage.child()
    assert stage.get(path="/exit") is None
    until(lambda: stage.look().child not in (None, first))
    stage.answers()
    status = stage.look().status
    assert status["restarts"] == 1
    assert status["last_exit"]["code"] == 7
    assert "exit 7" in stage.log()
    stage.stop(target, release.id, "blue")


def test_the_pause_before_a_restart_grows(stage: Stage) -> None:
    target, release = stage.started("1.0.0", mode="crash")
    until(lambda: stage.look().status.get("restarts", 0) >= 3)
    log = stage.log()
    assert [pause in log for pause in ("in 0.2 s", "in 0.4 s", "in 0.8 s")] == [True] * 3
    until(lambda: "down: ended: exit 3" in target.inspect(within=10)[0].hosts["local"])
    assert not target.inspect(within=10)[0].running
    stage.stop(target, release.id, "blue")
    assert stage.clear() == []


def test_a_request_under_way_is_answered_while_the_slot_stops(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    seen: list[str | None] = []
    slow = threading.Thread(target=lambda: seen.append(stage.get(path="/slow")))
    slow.start()
    time.sleep(0.2)  # the request has to be under way
    stage.stop(target, release.id, "blue")
    slow.join()
    assert seen == ["1.0.0 hello"]


def test_what_does_not_end_in_time_is_killed(stage: Stage) -> None:
    stage.drain = 0.5
    target, release = stage.started("1.0.0", mode="stubborn")
    stage.answers()
    begun = time.monotonic()
    target.stop(release.id, "blue", fence=1, after=0, within=10)
    assert target.inspect(within=10)[0].hosts == {"local": "stopping"}
    until(lambda: not stage.look().busy)
    assert 0.5 <= time.monotonic() - begun < 5
    assert "killed" in stage.log()
    assert stage.clear() == []


def test_a_start_waits_for_what_is_still_stopping_in_its_slot(stage: Stage) -> None:
    stage.drain = 1.0
    target, old = stage.started("1.0.0", mode="stubborn")
    stage.answers()
    child = stage.child()
    other, new = stage.release("2.0.0")
    other.place(new, fence=1, within=10)
    target.stop(old.id, "blue", fence=1, after=0, within=10)
    order = {"path": str(stage.path), "fence": 1, "slot": "blue", "release": new.id, "within": 0.1}
    with pytest.raises(Refusal, match="is still stopping"):
        slots.start(order)
    other.start(new, "blue", fence=1, within=10)
    assert not processes.alive(child)
    stage.answers()
    assert stage.get() == "2.0.0 hello"


def test_children_that_the_application_leaves_behind_end_with_it(stage: Stage) -> None:
    target, release = stage.started("1.0.0", mode="orphan")
    stage.answers()
    session = stage.child().pid
    until(lambda: len(processes.members(session)) == 2)
    processes.send(stage.child(), signal.SIGKILL)
    until(lambda: not processes.members(session))
    until(lambda: stage.look().state == "running")
    stage.stop(target, release.id, "blue")


def test_the_supervisor_stops_gracefully_on_sigterm(stage: Stage) -> None:
    stage.started("1.0.0")
    stage.answers()
    processes.send(stage.supervisor(), signal.SIGTERM)
    until(lambda: not stage.look().busy)
    assert "drained" in stage.log()


def test_a_killed_supervisor_harms_no_user_and_the_next_takes_over(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    child = stage.child()
    processes.send(stage.supervisor(), signal.SIGKILL)
    until(lambda: stage.look().supervisor is None)
    assert stage.get() == "1.0.0 hello"
    target.start(release, "blue", fence=1, within=10)
    assert stage.child() == child
    assert stage.supervisor()
    processes.send(child, signal.SIGKILL)
    until(lambda: stage.look().child not in (None, child))
    stage.stop(target, release.id, "blue")
    assert stage.clear() == []


def test_a_supervisor_killed_while_it_stops_is_replaced_by_the_next_order(stage: Stage) -> None:
    stage.drain = 0.7
    target, release = stage.started("1.0.0", mode="stubborn")
    stage.answers()
    child = stage.child()
    target.stop(release.id, "blue", fence=1, after=0, within=10)
    processes.send(stage.supervisor(), signal.SIGKILL)
    until(lambda: stage.look().supervisor is None)
    assert stage.look().state == "stopping"
    target.start(release, "blue", fence=1, within=10)
    assert stage.child() != child
    assert not processes.alive(child)


def test_killing_the_whole_command_line_changes_nothing_for_users(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    target.place(release, fence=1, within=10)
    script = (
        "import sys, time, json; from pathlib import Path\n"
        "from releaser.adapters.hosts.target import HostsTarget; from releaser.shell import LocalShell\n"
        "from releaser.core.values import Release\n"
        "given = json.loads(sys.argv[1])\n"
        "target = HostsTarget('web', HostsTarget.Options.model_validate(given['options']), {'local': LocalShell(Path(given['root']))})\n"
        "target.start(Release(*given['release']), 'blue', fence=1, within=10)\n"
        "print('started', flush=True); time.sleep(60)\n"
    )
    given = {
        "options": stage.options().model_dump(mode="json", exclude_none=True),
        "root": str(stage.root / "agent-home"),
        "release": [release.id, release.version, release.artifact, release.config],
    }
    here = {**os.environ, "PYTHONPATH": str(Path(releaser.__file__).parents[1])}
    cli = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(given)], env=here, stdout=subprocess.PIPE, start_new_session=True
    )
    with cli:
        assert cli.stdout is not None
        assert cli.stdout.readline() == b"started\n"
        stage.answers()
        child = stage.child()
        os.killpg(cli.pid, signal.SIGKILL)
    assert stage.get() == "1.0.0 hello"
    assert stage.child() == child
    processes.send(child, signal.SIGKILL)
    until(lambda: stage.look().child not in (None, child))


def test_the_warm_one_retires_by_itself_unless_it_is_started_again(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    target.stop(release.id, "blue", fence=1, after=0.6, within=10)
    target.start(release, "blue", fence=1, within=10)
    time.sleep(1.0)  # longer than the retirement that was called off
    assert stage.look().state == "running"
    target.stop(release.id, "blue", fence=1, after=0.3, within=10)
    until(lambda: not stage.look().busy)
    assert stage.clear() == []


def test_the_log_of_a_release_has_no_line_of_the_one_before_it_in_the_slot(stage: Stage) -> None:
    target, old = stage.started("1.0.0")
    stage.answers()
    stage.stop(target, old.id, "blue")
    target, new = stage.started("1.1.0")
    stage.answers()
    mine, _ = target.logs("blue", release=new.id, within=10)
    assert [line.partition(" ")[0] for line in mine["local"].lines] == ["up"]
    whole, _ = target.logs("blue", within=10)
    assert len(whole["local"].lines) > 1


def test_logs_are_read_and_followed(stage: Stage) -> None:
    target, _ = stage.started("1.0.0")
    stage.answers()
    parts, silent = target.logs("blue", within=10)
    assert parts["local"].lines[0].startswith("up serve")
    assert silent == {}
    processes.send(stage.child(), signal.SIGKILL)
    until(lambda: "SIGKILL" in stage.log())
    parts, _ = target.logs("blue", cursors={"local": parts["local"].cursor}, within=10)
    assert "SIGKILL" in parts["local"].lines[0]
