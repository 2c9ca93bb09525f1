"""What cannot be released, tried for real: one message that says what and what to do, the exit code, and nothing has changed."""

import io
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from full_disk import Tmpfs, disk, may_mount
from local_environment import QUICKEST, Local, events_of, local_environment

pytestmark = pytest.mark.real
PARENT, LINK, BOMB, TEXT, ABSENT = "2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0"
ROOM = 200 << 20
"""Bytes of the host's disk: more than what must stay free on it."""


@pytest.fixture(scope="module")
def serving() -> Iterator[Local]:
    """1.0.0 serves; beside it lie artifacts that are none."""
    with local_environment(playbook=QUICKEST) as local:
        local.promote("1.0.0")
        dist = local.root / "dist"
        archive(dist / f"shop-{PARENT}", "../outside", lambda member: member)
        archive(dist / f"shop-{LINK}", "link", linked)
        archive(dist / f"shop-{BOMB}", "large", lambda member: member, bytes(80 << 20))
        (dist / f"shop-{TEXT}").write_text("no archive\n" * 100)
        yield local


def linked(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def archive(path: Path, name: str, change: Callable[[tarfile.TarInfo], tarfile.TarInfo], content: bytes = b"x") -> None:
    """A tar with a good file, and after it one that is not."""
    with tarfile.open(path, "w:gz") as file:
        file.addfile(tarfile.TarInfo("app.py"))
        member = tarfile.TarInfo(name)
        member.size = len(content)
        file.addfile(change(member), io.BytesIO(content))


def promoted(local: Local, version: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer of `releaser promote`."""
    with local.spawn("promote", version) as process:
        *_, answer = events_of(process)
        return process.wait(), answer


def world(local: Local) -> list[object]:
    """Everything that must stay as it is. The fence alone may rise: a lease was taken and given back."""
    state, at = local.ledger(), local.root / "at"
    lying = [sorted(path.name for path in (at / where).iterdir()) for where in ("releases", ".releaser/staging")]
    lying.append(sorted(path.name for path in (at / ".releaser" / "incoming").iterdir()))
    slots = [
        (slot.slot, slot.release, slot.running) for slot in local.watcher.world.targets["web"].inspect(within=10.0)
    ]
    ledger = [state.current, state.good, state.bad, state.holder, state.candidate, state.armed_left, state.frozen]
    return [local.split(), ledger, lying, slots, sorted(path.name for path in at.iterdir())]


@pytest.mark.parametrize(
    ("version", "says"), [(PARENT, "'../outside' leads out"), (LINK, "'link' is a symbolic link"), (BOMB, "a bomb")]
)
def test_a_hostile_archive_is_taken_back_before_any_traffic(serving: Local, version: str, says: str) -> None:
    before = world(serving)
    code, answer = promoted(serving, version)
    assert (code, answer["outcome"]) == (3, "rolled_back")
    assert says in answer["message"]
    assert "to mend it: build it with regular files" in answer["message"]
    assert "no traffic was shifted" in answer["message"]
    assert world(serving) == before


@pytest.mark.parametrize(("version", "reason"), [(TEXT, "artifact-kind"), (ABSENT, "artifact-missing")])
def test_what_is_no_archive_is_refused_before_anything_is_asked_of_a_host(
    serving: Local, version: str, reason: str
) -> None:
    before, fence = world(serving), serving.ledger().fence
    code, answer = promoted(serving, version)
    assert (code, answer["reason"]) == (2, reason)
    assert answer["fix"]
    assert (world(serving), serving.ledger().fence) == (before, fence)


def test_a_stranger_on_the_port_is_named_and_left_alone(serving: Local) -> None:
    serving.build("2.5.0")
    before, fence = world(serving), serving.ledger().fence
    with socket.create_server(("127.0.0.1", serving.ports["green"])):
        code, answer = promoted(serving, "2.5.0")
    assert (code, answer["reason"]) == (6, "port-taken")
    assert "green" in answer["message"]
    assert "pid" in answer["message"]
    assert answer["fix"][0] == "stop that process"
    assert (world(serving), serving.ledger().fence) == (before, fence)


@pytest.mark.skipif(not may_mount(), reason="a small disk needs root to be mounted")
def test_no_room_on_the_host_is_said_before_anything_is_sent() -> None:
    with local_environment(playbook=QUICKEST) as local, disk("tmpfs", local.root / "at", ROOM) as small:
        assert isinstance(small, Tmpfs)
        local.promote("1.0.0")
        local.build("1.1.0")
        small.fill()
        before = world(local)
        code, answer = promoted(local, "1.1.0")
        assert (code, answer["outcome"], answer["reason"]) == (6, "refused", "no-room"), answer
        assert "must stay free" in answer["message"]
        assert answer["fix"][0] == "free some room there"
        assert world(local) == before
        small.free()
        with local.traffic(60.0):
            assert promoted(local, "1.1.0")[0] == 0
