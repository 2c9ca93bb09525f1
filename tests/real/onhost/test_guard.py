import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from onhost_place import BINDING, CANARY, STABLE, FileDialect, Place, opened, until

from releaser.adapters.routers.site import RouterSite
from releaser.errors import FailedError, FencedError
from releaser.onhost import clock, detach, lock
from releaser.ports import Settling

pytestmark = pytest.mark.real


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from opened(tmp_path)


T = 1.0
DELAY = 4.0
"""What a busy machine may add to the guard's own 200 ms."""


@contextmanager
def orchestrator(place: Place, mode: str) -> Iterator["subprocess.Popen[str]"]:
    drive = Path(__file__).with_name("onhost_drive.py")
    process = subprocess.Popen(
        [sys.executable, str(drive), str(place.root), str(T), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "shifted\n"
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_kill_9_of_the_orchestrators_process_group_brings_users_back(place: Place) -> None:
    with orchestrator(place, "renew") as process:
        time.sleep(2 * T)  # it must be the renewals that keep the canary up, so more than T has to pass
        assert place.applied().split == CANARY
        os.killpg(process.pid, signal.SIGKILL)
        took = until(place.is_stable)
    assert took < T + DELAY
    until(lambda: place.site.ledger.read(within=20).armed_left is None)
    told = place.site.ledger.read(within=20)
    assert (told.guard, told.fence, told.holder, told.split) == ("alive", 2, None, STABLE)


def test_a_holder_that_was_stopped_beyond_its_lease_writes_nothing_when_it_wakes(place: Place) -> None:
    with orchestrator(place, "late") as process:
        os.kill(process.pid, signal.SIGSTOP)
        until(place.is_stable)
        os.kill(process.pid, signal.SIGCONT)
        said, _ = process.communicate("go\n", timeout=60)
    assert said.splitlines() == ["shift fired", "renew fired"]
    assert place.applied().split == STABLE


def test_a_reboot_of_the_router_brings_users_back(place: Place) -> None:
    place.canary()
    place.kill_guard()
    (place.state / "boot_id").write_text("second-boot")
    place.shell.call("switch.guard", {"state": str(place.state)}, within=20)
    assert until(place.is_stable) < DELAY
    with pytest.raises(FencedError):
        place.site.shift(CANARY, BINDING, 1003, fence=1, within=20)


def test_a_guard_that_was_killed_is_started_again_by_the_next_renewal(place: Place) -> None:
    place.canary()
    first = place.guard_pid()
    place.kill_guard()
    assert 19 < place.site.renew(fence=1, within=20).left <= 20
    assert place.guard_pid() != first
    assert place.site.ledger.read(within=20).guard == "alive"


def test_a_guard_that_died_in_mid_restoration_is_followed_by_one_that_ends_it(place: Place) -> None:
    place.canary()
    place.kill_guard()
    (place.state / "armed.1.1.json").rename(place.state / "fired.1.1.json")
    with pytest.raises(FencedError):
        place.site.renew(fence=1, within=20)
    until(place.is_stable)


def test_after_a_commit_nothing_fires(place: Place) -> None:
    place.canary(timer=T)
    place.site.ledger.settle(Settling("committed", "r1", "2.0-00000000"), fence=1, within=20)
    time.sleep(2 * T)  # the time in which it would have fired
    assert place.applied().split == CANARY
    assert place.site.ledger.read(within=20).fence == 1


def test_the_rehearsal_is_done_by_the_guard_and_timed(place: Place) -> None:
    place.site.ledger.acquire(place.claim(), 1, force=False, within=20)
    seconds = place.site.rehearse(STABLE, BINDING, 1001, fence=1, within=20)
    assert 0 < seconds < DELAY
    told = place.site.ledger.read(within=20)
    assert (told.fence, told.armed_left, told.generation) == (1, None, 1001)
    assert told.holder is not None
    place.site.rehearse(STABLE, BINDING, 1002, fence=1, within=20)
    place.site.arm(STABLE, BINDING, 1003, fence=1, timer=20, within=20)
    place.site.shift(CANARY, BINDING, 1004, fence=1, within=20)


def test_a_revert_script_that_does_nothing_fails_the_rehearsal(place: Place) -> None:
    place.site.ledger.acquire(place.claim(), 1, force=False, within=20)
    place.site.shift(STABLE, BINDING, 1001, fence=1, within=20)
    idle = RouterSite("web/lb1", place.shell, str(place.state), FileDialect(place.router, idle=True))
    with pytest.raises(FailedError, match="rehearsal"):
        idle.rehearse(STABLE, BINDING, 1002, fence=1, within=5)
    assert place.site.ledger.read(within=20).armed_left is None


def test_one_guard_per_site(place: Place) -> None:
    place.canary()
    first = place.guard_pid()
    log = place.root / "second.log"
    second = detach.start("guard", {"state": str(place.state)}, log)
    until(lambda: clock.started(second) is None)
    assert "another guard" in log.read_text()
    assert place.guard_pid() == first


def test_a_guard_with_nothing_to_guard_ends_and_so_does_one_whose_site_is_gone(place: Place) -> None:
    place.state.mkdir()
    pid = detach.start("guard", {"state": str(place.state), "idle": 0.3}, place.root / "guard.log")
    until((place.state / "guard.json").exists)
    until(lambda: clock.started(pid) is None)
    assert place.site.ledger.read(within=20).guard == "none"
    pid = detach.start("guard", {"state": str(place.state)}, place.root / "guard.log")
    until((place.state / "guard.json").exists)
    place.state.rename(place.root / "elsewhere")
    until(lambda: clock.started(pid) is None)


def test_the_guard_is_detached_and_holds_no_lock(place: Place) -> None:
    place.canary()
    pid = place.guard_pid()
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
    opened = [str(fd.resolve()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    assert str(place.state / "ledger.lock") not in opened
    assert str(place.state / "guard.lock") in opened
    assert place.root.name not in Path(f"/proc/{pid}/environ").read_text()


def test_the_lock_file_is_never_replaced(place: Place) -> None:
    place.canary()
    inode = (place.state / "ledger.lock").stat().st_ino
    place.site.renew(fence=1, within=20)
    place.site.ledger.settle(Settling("reverted", "r1", None), fence=1, within=20)
    place.canary(fence=2, rollout="r2", timer=1.0)  # the lease is as long, and must last until it is armed
    until(place.is_stable)
    assert (place.state / "ledger.lock").stat().st_ino == inode


def test_a_guard_that_cannot_start_is_a_failure_to_arm(place: Place) -> None:
    place.site.ledger.acquire(place.claim(), 1, force=False, within=20)
    claimed = lock.claim(place.state / "guard.lock")
    assert claimed is not None
    with pytest.raises(FailedError, match="does not start") as caught:
        place.site.arm(STABLE, BINDING, 1001, fence=1, timer=20, within=3)
    assert caught.value.code == "guard"
    assert place.site.ledger.read(within=20).armed_left is None
    os.close(claimed)


def fill(ballast: Path) -> None:
    """To the last byte."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def test_the_way_back_needs_no_room_on_the_disk(place: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    small = Place(disk)
    small.shell = place.shell
    small.site = RouterSite("web/lb1", place.shell, str(small.state), FileDialect(small.router))
    try:
        small.canary()
        fill(disk / "ballast")
        small.site.ledger.acquire(small.claim("back"), 2, force=True, within=20)
        for generation in range(2001, 2006):
            fill(disk / f"ballast-{generation}")
            assert small.site.shift(STABLE, BINDING, generation, fence=2, within=20).split == STABLE
        told = small.site.ledger.settle(
            Settling("reverted", "back", None, bad=("2.0-00000000", "x")), fence=2, within=20
        )
        assert told.bad == {"2.0-00000000": "x"}
        os.kill(small.guard_pid(), signal.SIGKILL)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
