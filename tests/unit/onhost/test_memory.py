"""Variables that a reboot forgets: only in memory that is ours alone, and said by name once they are gone."""

import getpass
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit_fake_systemd import FakeSystemd, InsideShell

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.core.values import Release
from releaser.errors import FailedError
from releaser.onhost import files, memory, unit
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home

SECRET = "hunter2"
OURS = f"releaser-{getpass.getuser()}"


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "srv")


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /run, with the one in it that root has made for us."""
    run = tmp_path / "run"
    for name, value in {"RUN": run, "SHARED": tmp_path / "shm", "SESSIONS": run, "LINGERS": run}.items():
        monkeypatch.setattr(memory, name, value)
    (tmp_path / "mounts").write_text(f"/dev/sda / ext4 rw 0 0\ntmpfs {run} tmpfs rw 0 0\n")
    monkeypatch.setattr(memory, "MOUNTS", tmp_path / "mounts")
    (run / OURS).mkdir(parents=True, mode=0o700)
    return run / OURS


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    made = FakeSystemd(tmp_path / "systemd", "shop@blue.service", "shop@green.service")
    for name, value in {"FOLDERS": (made.folder,), "WANTS": tmp_path, "RUNS": tmp_path}.items():
        monkeypatch.setattr(unit, name, value)
    yield made
    made.close()


@pytest.fixture
def target(tmp_path: Path, systemd: FakeSystemd, top: Path) -> HostsTarget:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/app").write_text("one")
    given = {"hosts": ["web1"], "path": str(tmp_path / "srv"), "run": {"systemd": "shop@.service"}}
    options = HostsOptions.model_validate(given | {"ports": {"blue": 1, "green": 2}})
    return HostsTarget(
        "web", options, {"web1": InsideShell()}, artifact_at(tmp_path / "build"), {"KEY": SECRET}, "memory"
    )


@pytest.fixture
def release(tmp_path: Path, target: HostsTarget) -> Release:
    return Release.of("1.0.0", artifact_at(tmp_path / "build").digest, "c" * 64)


def with_the_value(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path.name for path in found if SECRET.encode() in path.read_bytes())


def test_variables_lie_in_memory_alone_and_reach_the_unit_from_there(
    target: HostsTarget, release: Release, place: Home, top: Path
) -> None:
    target.place(release, fence=1, within=20)
    target.start(release, "blue", fence=1, within=20)
    assert with_the_value(place.path) == []
    assert with_the_value(top) == [f"{release.id}.json", "blue.env"]
    assert f'KEY="{SECRET}"' in (place.run / "blue.env").read_text()
    assert {path.stat().st_mode & 0o077 for path in top.rglob("*")} == {0}


def test_after_a_reboot_a_start_says_what_is_gone_and_placing_brings_it_back_without_an_upload(
    target: HostsTarget, release: Release, place: Home, top: Path, systemd: FakeSystemd
) -> None:
    target.place(release, fence=1, within=20)
    for folder in top.iterdir():
        shutil.rmtree(folder)
    with pytest.raises(FailedError, match="kept in memory only, and this host has restarted since") as told:
        target.start(release, "blue", fence=1, within=20)
    assert told.value.fix[0] == "once their store answers: releaser recover"
    assert systemd.told() == []
    target.place(release, fence=1, within=20)
    target.start(release, "blue", fence=1, within=20)
    assert f'KEY="{SECRET}"' in (place.run / "blue.env").read_text()


def test_what_is_not_kept_any_more_is_forgotten_too(
    target: HostsTarget, release: Release, place: Home, top: Path
) -> None:
    target.place(release, fence=1, within=20)
    target.collect("2.0.0-00000000", [], fence=1, within=20)
    assert with_the_value(top) == []


def test_a_host_that_never_kept_any_in_memory_needs_none_to_collect(
    tmp_path: Path, target: HostsTarget, release: Release, top: Path
) -> None:
    plain = HostsTarget("web", target.options, {"web1": InsideShell()}, artifact_at(tmp_path / "build"), {})
    plain.place(release, fence=1, within=20)
    (tmp_path / "mounts").write_text("/dev/sda / ext4 rw 0 0\n")
    assert plain.collect("2.0.0-00000000", [], fence=1, within=20) == [release.id]


def test_a_folder_that_others_can_read_or_have_made_gets_no_secret(place: Home, top: Path) -> None:
    top.chmod(0o755)
    with pytest.raises(Refusal, match="is there already and is not ours alone"):
        memory.keep(place, "1.0.0-00000000", {"KEY": SECRET})
    top.rmdir()
    (top.parent / "elsewhere").mkdir(mode=0o700)
    top.symlink_to(top.parent / "elsewhere")
    with pytest.raises(Refusal, match="is not ours alone"):
        memory.keep(place, "1.0.0-00000000", {"KEY": SECRET})
    assert with_the_value(top.parent) == []


def test_a_disk_is_no_memory(place: Home, top: Path, tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(f"/dev/sda / ext4 rw 0 0\n/dev/sdb {top.parent} xfs rw 0 0\n")
    with pytest.raises(Refusal, match="of this host is memory, so variables there would lie on a disk"):
        memory.keep(place, "1.0.0-00000000", {"KEY": SECRET})


def test_what_the_end_of_a_session_would_clear_is_refused_with_the_line_that_root_has_to_write(
    place: Home, top: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    top.rmdir()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (top.parent / "1000").touch()
    with pytest.raises(Refusal, match="no memory in which variables outlive the sessions") as told:
        memory.keep(place, "1.0.0-00000000", {"KEY": SECRET})
    assert f"d /run/{OURS} 0700" in told.value.fix[0]
    (top.parent / getpass.getuser()).touch()  # who lingers never leaves
    (tmp_path / "mounts").write_text(f"tmpfs {tmp_path}/shm tmpfs rw 0 0\n")
    (tmp_path / "shm").mkdir()
    with pytest.raises(Refusal, match="is not ours alone"):  # made by root, and we only said that we are 1000
        memory.keep(place, "1.0.0-00000000", {"KEY": SECRET})
    assert files.read_json(tmp_path / "shm/releaser-1000/any.json") is None
