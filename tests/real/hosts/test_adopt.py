import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hosts_stage import Stage

from releaser.errors import FailedError
from releaser.onhost import processes

pytestmark = pytest.mark.real
OLD = "0.9-00000009"


@pytest.fixture
def serving(stage: Stage) -> Iterator["subprocess.Popen[bytes]"]:
    """An application that was there before releaser: nobody's child of ours, in nobody's session of ours."""
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(stage.ports["blue"])]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        stage.answers()
        yield process
        process.kill()


def test_what_serves_already_becomes_the_slot_s_release_untouched(stage: Stage, serving: Any) -> None:
    target, release = stage.release("1.0.0")
    before = processes.find(serving.pid)
    for _ in range(2):
        found = target.adopt(OLD, "blue", fence=1, within=10)
    assert found["local"].startswith(f"{serving.pid} ")
    assert processes.find(serving.pid) == before
    blue = target.inspect(within=10)[0]
    assert (blue.release, blue.running) == (OLD, True)
    target.place(release, fence=1, within=10)
    target.start(release, "green", fence=1, within=10)
    stage.answers("green")
    with pytest.raises(FailedError, match=f"slot blue runs {OLD}"):
        target.start(release, "blue", fence=1, within=10)
    stage.stop(target, OLD, "blue")
    assert serving.wait(1) is not None
    assert not target.inspect(within=10)[0].running
    target.start(release, "blue", fence=1, within=10)
    stage.answers("blue")


def test_an_adopted_one_can_retire_and_be_called_back(stage: Stage, serving: Any) -> None:
    target, release = stage.release("1.0.0")
    target.adopt(OLD, "blue", fence=1, within=10)
    target.stop(OLD, "blue", fence=1, after=2.0, within=10)
    stub = type(release)(OLD, "0.9", release.artifact, release.config)
    target.start(stub, "blue", fence=1, within=10)
    time.sleep(2.5)  # longer than the retirement that was called off
    assert serving.poll() is None
    target.stop(OLD, "blue", fence=1, after=0.2, within=10)
    serving.wait(10)


def test_nothing_and_strangers_are_not_adopted(stage: Stage, serving: Any) -> None:
    target, release = stage.release("1.0.0")
    with pytest.raises(FailedError, match="nothing listens there"):
        target.adopt(OLD, "green", fence=1, within=10)
    target.adopt(OLD, "blue", fence=1, within=10)
    with pytest.raises(FailedError, match=f"slot blue runs {OLD} already"):
        target.adopt(release.id, "blue", fence=1, within=10)
    serving.kill()
    serving.wait()
    assert not target.inspect(within=10)[0].running
    with pytest.raises(FailedError, match="is not placed"):
        target.start(type(release)(OLD, "0.9", release.artifact, release.config), "blue", fence=1, within=10)
