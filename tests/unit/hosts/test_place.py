import io
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from releaser.onhost import place as placing
from releaser.onhost.answers import Refusal
from releaser.onhost.collect import collect
from releaser.onhost.home import MARKER, Home
from releaser.onhost.marker import problem
from releaser.onhost.tree import digest, entries


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


SHOP = archive(bin__shop=b"#!/bin/sh\n", log__keep=b"", readme=b"hello")


class Host:
    """One target's directory and the orders for it, as the adapter would send them."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path / "shop")
        self.request: dict[str, Any] = {"path": str(self.home.path), "fence": 1}

    def order(self, release: str = "1.0-00000001", content: bytes = SHOP, **more: Any) -> dict[str, Any]:
        artifact = sha256(content).hexdigest()
        order = {**self.request, "release": release, "version": "1.0", "artifact": artifact, "package": artifact}
        order |= {"kind": "tar", "size": len(content), "shared": [], "run": "./bin/shop", "env": {"KEY": "value"}}
        return order | more

    def upload(self, order: dict[str, Any], content: bytes = SHOP) -> dict[str, Any]:
        order["incoming"] = placing.prepare(order)["incoming"]
        Path(order["incoming"]).write_bytes(content)
        return order

    def place(self, release: str = "1.0-00000001", content: bytes = SHOP, **more: Any) -> dict[str, Any]:
        return placing.place(self.upload(self.order(release, content, **more), content))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_placed_release_is_whole_and_has_its_marker(host: Host) -> None:
    assert host.place() == {"placed": True}
    root = host.home.release("1.0-00000001")
    assert (root / "bin/shop").read_bytes() == b"#!/bin/sh\n"
    assert (root / MARKER).exists()
    assert problem(host.home, "1.0-00000001", sha256(SHOP).hexdigest()) is None
    assert not list(host.home.incoming.iterdir())
    assert not list(host.home.staging.iterdir())


def test_placing_again_needs_no_upload_and_changes_nothing(host: Host) -> None:
    host.place()
    inode = host.home.release("1.0-00000001").stat().st_ino
    assert placing.prepare(host.order()) == {"placed": True, "kept": True, "incoming": ""}
    assert placing.place(host.order()) == {"placed": False}
    assert host.home.release("1.0-00000001").stat().st_ino == inode


def test_how_it_is_started_is_kept_0600(host: Host) -> None:
    host.place(env={"TOKEN": "s3cret"})
    kept = host.home.environment("1.0-00000001")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert host.home.own.stat().st_mode & 0o777 == 0o700
    others = [path for path in host.home.path.rglob("*") if path.is_file() and path != kept]
    assert not [path for path in others if b"s3cret" in path.read_bytes()]


def test_a_directory_without_its_marker_is_garbage_and_replaced(host: Host) -> None:
    root = host.home.release("1.0-00000001")
    root.mkdir(parents=True)
    (root / "half").write_bytes(b"a broken upload")
    assert host.place() == {"placed": True}
    assert not (root / "half").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "readme").write_bytes(b"hullo"),
        lambda root: (root / "readme").unlink(),
        lambda root: (root / "readme").chmod(0o755),
        lambda root: ((root / "readme").unlink(), (root / "readme").symlink_to("/etc/passwd")),
        lambda root: ((root / "readme").unlink(), (root / "readme").mkdir()),
        lambda root: (root / MARKER).unlink(),
        lambda root: (root / MARKER).write_text('{"release": "1.0-00000001"}'),
    ],
)
def test_a_release_that_was_changed_is_noticed_and_placed_anew(host: Host, change: Any) -> None:
    host.place()
    change(host.home.release("1.0-00000001"))
    assert problem(host.home, "1.0-00000001") is not None
    assert host.place() == {"placed": True}
    assert problem(host.home, "1.0-00000001") is None


def test_a_cache_that_the_application_wrote_is_no_change(host: Host) -> None:
    host.place()
    (host.home.release("1.0-00000001") / "cache.pyc").write_bytes(b"x")
    assert problem(host.home, "1.0-00000001") is None


def test_another_artifact_under_the_same_id_is_told(host: Host) -> None:
    host.place()
    assert "another artifact" in str(problem(host.home, "1.0-00000001", "f" * 64))


@pytest.mark.parametrize("swapped", [archive(readme=b"evil"), SHOP + b"x", SHOP[:-9], b""])
def test_an_upload_that_was_swapped_or_cut_leaves_nothing(host: Host, swapped: bytes) -> None:
    order = host.upload(host.order(), swapped)
    with pytest.raises(Refusal) as caught:
        placing.place(order)
    assert caught.value.code in {"artifact-digest", "artifact-unsafe"}
    assert not list(host.home.releases.iterdir())
    assert not list(host.home.staging.iterdir())


def test_a_directory_s_digest_is_checked_after_unpacking(host: Host, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "readme").write_bytes(b"hello")
    planned = digest(entries(tmp_path / "source"))
    packed = archive(readme=b"hello")
    package = sha256(packed).hexdigest()
    assert host.place(content=packed, kind="dir", artifact=planned, package=package) == {"placed": True}
    other = archive(readme=b"hullo")
    order = host.order("2.0-00000002", other, kind="dir", artifact=planned)
    with pytest.raises(Refusal, match="not the planned one after it was unpacked"):
        placing.place(host.upload(order, other))


def test_a_changed_marker_of_a_directory_does_not_hide_a_change(host: Host, tmp_path: Path) -> None:
    packed = archive(readme=b"hello")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "readme").write_bytes(b"hello")
    planned = digest(entries(tmp_path / "source"))
    host.place(content=packed, kind="dir", artifact=planned, package=sha256(packed).hexdigest())
    root = host.home.release("1.0-00000001")
    marker = (root / MARKER).read_text()
    (root / MARKER).write_text(marker.replace(sha256(b"hello").hexdigest(), sha256(b"hullo").hexdigest()))
    (root / "readme").write_bytes(b"hullo")
    assert problem(host.home, "1.0-00000001", planned) == "its marker was changed"


def test_shared_directories_are_linked_in_and_outlive_releases(host: Host) -> None:
    host.place(shared=["log", "var/storage"])
    root = host.home.release("1.0-00000001")
    (root / "log" / "x").write_bytes(b"kept")
    (root / "var" / "storage" / "y").write_bytes(b"kept")
    assert (host.home.shared / "log" / "x").read_bytes() == b"kept"
    assert (host.home.shared / "var" / "storage" / "y").read_bytes() == b"kept"
    assert problem(host.home, "1.0-00000001") is None
    collect({**host.request, "keep": [], "current": None})
    assert (host.home.shared / "log" / "x").exists()
    assert not root.exists()


@pytest.mark.parametrize("name", ["../x", "/etc", ""])
def test_what_is_shared_lies_inside(host: Host, name: str) -> None:
    with pytest.raises(Refusal, match="cannot be shared"):
        host.place(shared=[name])


def test_no_room_is_said_before_anything_is_sent(host: Host) -> None:
    with pytest.raises(Refusal, match=r"no room at .* MiB are needed") as caught:
        placing.prepare(host.order(spare=1 << 60))
    assert caught.value.fix
    order = host.upload(host.order())
    with pytest.raises(Refusal, match="no room"):
        placing.place(order | {"spare": 1 << 60})
    assert not list(host.home.releases.iterdir())


def test_a_lower_fence_is_refused_and_a_higher_one_remembered(host: Host) -> None:
    host.place(fence=7)
    for act in (placing.prepare, placing.place, collect):
        with pytest.raises(Refusal, match="a newer release") as caught:
            act(host.order(fence=6, keep=[]))
        assert caught.value.kind == "fenced"
    host.place("2.0-00000002", archive(readme=b"2"), fence=8)
    with pytest.raises(Refusal, match="fence 8"):
        placing.prepare(host.order(fence=7))


def test_a_fence_that_rises_while_we_unpack_keeps_our_release_out(host: Host) -> None:
    order = host.upload(host.order(fence=3))
    unpacked = placing._unpacked(host.home, order)
    host.place("2.0-00000002", archive(readme=b"2"), fence=4)
    with pytest.raises(Refusal, match="fence 4"):
        placing.place(order)
    assert unpacked.exists()
    assert [path.name for path in host.home.releases.iterdir()] == ["2.0-00000002"]


def test_what_a_killed_releaser_left_is_swept(host: Host) -> None:
    host.place()
    (host.home.incoming / "1.0-00000001.0").write_bytes(b"half")
    dead = host.home.staging / "9.9-00000009.1.4194305"
    dead.mkdir()
    alive = host.home.staging / f"9.9-00000009.1.{os.getpid()}"
    alive.mkdir()
    placing.prepare(host.order())
    assert not list(host.home.incoming.iterdir())
    assert list(host.home.staging.iterdir()) == [alive]


@pytest.mark.parametrize("release", ["../x", "-x", "", "a/b", "x" * 200, ".hidden"])
def test_hostile_release_ids_are_refused(host: Host, release: str) -> None:
    with pytest.raises(Refusal, match="is not a release id"):
        host.place(release)


@pytest.mark.parametrize("path", ["relative", "/", "/srv/../etc"])
def test_hostile_target_paths_are_refused(host: Host, path: str) -> None:
    with pytest.raises(Refusal, match="is not a path for a target"):
        placing.prepare(host.order(path=path))


def test_collecting_keeps_what_is_named_and_what_a_slot_holds(host: Host) -> None:
    for number in range(1, 6):
        host.place(f"{number}.0-0000000{number}", archive(readme=b"%d" % number))
    host.home.slot("blue").symlink_to("../releases/2.0-00000002")
    order = {**host.request, "keep": ["4.0-00000004"], "current": "5.0-00000005"}
    assert collect(order) == {"removed": ["1.0-00000001", "3.0-00000003"]}
    assert collect(order) == {"removed": []}
    assert str(host.home.current.readlink()) == "releases/5.0-00000005"
    assert sorted(path.name for path in host.home.environments.iterdir()) == [
        "2.0-00000002.json",
        "4.0-00000004.json",
        "5.0-00000005.json",
    ]
