"""A slot of a real supervisor whose variables are in memory alone: it restarts with them, and not without."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts_stage import Stage, until

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.target import HostsTarget
from releaser.errors import FailedError
from releaser.onhost import memory

pytestmark = pytest.mark.real


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.clear()
    shutil.rmtree(memory.folder(stage.home))


def test_a_crash_is_survived_with_the_variables_and_a_reboot_is_not(stage: Stage) -> None:
    plain, release = stage.release("1.0.0")
    artifact = artifact_at(stage.root / "build/1.0.0-serve")
    target = HostsTarget("web", plain.options, {"local": stage.shell}, artifact, {"GREETING": "hunter2"}, "memory")
    target.place(release, fence=1, within=20)
    target.start(release, "blue", fence=1, within=20)
    stage.answers()
    assert stage.get() == "1.0.0 hunter2"
    first = stage.child()
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: stage.look().child not in (None, first))  # its supervisor starts it again
    stage.answers()
    assert stage.get() == "1.0.0 hunter2"
    files = [path for path in stage.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if b"hunter2" in path.read_bytes()] == []
    stage.clear()
    shutil.rmtree(memory.folder(stage.home))  # as a reboot does
    with pytest.raises(FailedError, match="this host has restarted since"):
        target.start(release, "blue", fence=1, within=20)
    target.place(release, fence=1, within=20)
    target.start(release, "blue", fence=1, within=20)
    stage.answers()
    assert stage.get() == "1.0.0 hunter2"
