"""Which orders does a host take again, and which does it refuse, by fence, port, digest and what was placed?"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hosts_stage import Stage, until

from releaser.adapters.hosts.package import Package
from releaser.adapters.hosts.target import HostsTarget
from releaser.errors import FailedError, FencedError
from releaser.onhost import files
from releaser.shell.scripts import agent_argv, agent_bytes

pytestmark = pytest.mark.real


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


def test_what_cannot_be_run_at_all_is_an_answer(stage: Stage) -> None:
    target, release = stage.release("1.0.0")
    kept = stage.home.environment(release.id)
    target.place(release, fence=1, within=10)
    files.write_json(kept, (files.read_json(kept) or {}) | {"run": "./bin/missing {port}"})
    with pytest.raises(FailedError, match=r"cannot be started in slot blue: .*bin/missing"):
        target.start(release, "blue", fence=1, within=10)
    until(lambda: not stage.look().busy)


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
