import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hosts_stage import Stage, until

import releaser
from releaser.adapters.hosts.package import Package
from releaser.adapters.hosts.target import HostsTarget
from releaser.errors import FailedError, FencedError
from releaser.onhost import files, processes, slots
from releaser.onhost.answers import Refusal
from releaser.shell.scripts import agent_argv, agent_bytes

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


def test_each_order_can_be_given_again(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    child, supervisor = stage.child(), stage.supervisor()
    target.place(release, fence=1, within=10)
    target.start(release, "blue", fence=1, within=10)
    assert (stage.child(), stage.supervisor()) == (child, supervisor)
    for _ in range(2):
        stage.stop(target, release.id, "blue")
    target.start(release, "blue", fence=1, within=10)
    assert stage.child() != child


def test_two_releases_run_side_by_side_and_each_stop_ends_its_own(stage: Stage) -> None:
    one, old = stage.started("1.0.0", "blue")
    _, new = stage.started("2.0.0", "green")
    stage.answers("blue")
    stage.answers("green")
    assert stage.get("blue") == "1.0.0 hello"
    assert stage.get("green") == "2.0.0 hello"
    stage.stop(one, old.id, "green")  # green holds the other one: left alone
    assert stage.get("green") == "2.0.0 hello"
    with pytest.raises(FailedError, match=f"slot blue runs {old.id}"):
        one.start(new, "blue", fence=1, within=10)
    stage.stop(one, old.id, "blue")
    one.start(new, "blue", fence=1, within=10)
    assert str(stage.home.slot("blue").readlink()) == f"../releases/{new.id}"


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


def test_what_cannot_be_run_at_all_is_an_answer(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    kept = stage.home.environment(release.id)
    target.place(release, fence=1, within=10)
    files.write_json(kept, (files.read_json(kept) or {}) | {"run": "./bin/missing {port}"})
    with pytest.raises(FailedError, match=r"cannot be started in slot blue: .*bin/missing"):
        target.start(release, "blue", fence=1, within=10)
    until(lambda: not stage.look().busy)


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


def test_a_stranger_on_the_port_is_named_and_nothing_is_changed(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    target.place(release, fence=1, within=10)
    code = f"import socket, time; s = socket.create_server(('127.0.0.1', {stage.ports['blue']})); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        try:
            says = rf"port {stage.ports['blue']} of slot blue is taken by pid {stranger.pid} \({sys.executable}"
            with pytest.raises(FailedError, match=says) as caught:
                target.start(release, "blue", fence=1, within=10)
            assert caught.value.code == "port-taken"
            assert caught.value.fix
            assert f"port taken by pid {stranger.pid}" in target.inspect(within=10)[0].hosts["local"]
            assert not stage.home.slot("blue").exists()
        finally:
            stranger.kill()
    target.start(release, "blue", fence=1, within=10)


def test_what_was_changed_after_placing_is_not_started(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    target.place(release, fence=1, within=10)
    with (stage.home.release(release.id) / "app.py").open("a") as application:
        application.write("# evil")
    with pytest.raises(FailedError, match=r"is not started: app.py was changed"):
        target.start(release, "blue", fence=1, within=10)
    target.place(release, fence=1, within=10)
    target.start(release, "blue", fence=1, within=10)


def test_what_was_never_placed_is_not_started(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    with pytest.raises(FailedError, match="nothing was ever placed"):
        target.start(release, "blue", fence=1, within=10)
    _, other = stage.started("2.0.0", "green")
    assert other.id != release.id
    with pytest.raises(FailedError, match="is not placed"):
        target.start(release, "blue", fence=1, within=10)


def test_an_old_fence_changes_nothing(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    target.start(release, "blue", fence=5, within=10)
    for order in (
        lambda: target.stop(release.id, "blue", fence=4, after=0, within=10),
        lambda: target.start(release, "green", fence=4, within=10),
        lambda: target.place(release, fence=4, within=10),
        lambda: target.adopt(release.id, "green", fence=4, within=10),
        lambda: target.collect(release.id, [], fence=4, within=10),
    ):
        with pytest.raises(FencedError, match="fence 5"):
            order()
    assert stage.look().state == "running"


def test_the_warm_one_retires_by_itself_unless_it_is_started_again(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    target.stop(release.id, "blue", fence=1, after=0.6, within=10)
    target.start(release, "blue", fence=1, within=10)
    time.sleep(1.0)  # longer than the retirement that was called off
    assert stage.look().state == "running"
    target.stop(release.id, "blue", fence=1, after=0.3, within=10)
    until(lambda: not stage.look().busy)
    assert stage.clear() == []


def test_secrets_stand_in_no_argument_and_no_other_file(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    target._env = {"local": {"GREETING": "s3cret-value"}}
    target.place(release, fence=1, within=10)
    target.start(release, "blue", fence=1, within=10)
    stage.answers()
    assert stage.get() == "1.0.0 s3cret-value"
    for process in (stage.child(), stage.supervisor()):
        assert b"s3cret" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"s3cret" not in Path(f"/proc/{stage.supervisor().pid}/environ").read_bytes()
    holding = [path for path in stage.root.rglob("*") if path.is_file() and b"s3cret-value" in path.read_bytes()]
    assert holding == [stage.home.environment(release.id)]


def test_going_back_needs_neither_the_artifact_nor_the_secrets(stage: Stage) -> None:
    old, release = stage.started("1.0.0")
    stage.stop(old, release.id, "blue")
    bare = HostsTarget("web", stage.options(), {"local": stage.shell})
    bare.place(release, fence=2, within=10)
    bare.start(release, "blue", fence=2, within=10)
    stage.answers()
    assert stage.get() == "1.0.0 hello"


def test_kill_9_in_the_middle_of_placing_leaves_garbage_that_the_next_one_clears(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    for number in range(400):
        (stage.root / "build" / "1.0.0-serve" / f"{number}").write_bytes(os.urandom(20_000))
    target, release = stage.release("1.0.0")
    agent = stage.root / "agent.pyz"
    agent.write_bytes(agent_bytes())
    packed = Package(target._artifact, release, stage.root).packed()
    order: dict[str, Any] = {
        "path": str(stage.path),
        "fence": 1,
        "release": release.id,
        "version": "1.0.0",
        "size": 0,
        "within": 20,
    }
    order |= {
        "artifact": release.artifact,
        "package": packed.digest,
        "kind": "dir",
        "shared": [],
        "run": "x",
        "env": {},
    }
    order["incoming"] = stage.shell.call("target.prepare", order, within=10)["incoming"]
    stage.shell.put(packed.file, order["incoming"], within=10)
    with subprocess.Popen(agent_argv(sys.executable, str(agent), "target.place"), stdin=subprocess.PIPE) as placing:
        assert placing.stdin is not None
        placing.stdin.write(json.dumps(order).encode())
        placing.stdin.close()
        until(lambda: len(list(stage.home.staging.rglob("*"))) > 40)
        placing.kill()
    assert list(stage.home.staging.iterdir())
    assert not list(stage.home.releases.iterdir())
    target.place(release, fence=1, within=20)
    assert not list(stage.home.staging.iterdir())
    target.start(release, "blue", fence=1, within=10)
    stage.answers()


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
