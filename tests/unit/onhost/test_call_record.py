"""What becomes of a call whose asker is gone? Each state that a record can have, with real processes."""

import contextlib
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

from releaser.onhost import call as calls
from releaser.onhost.answers import Refusal

ID = "0123456789abcdef"
DRIVER = """
import json, sys
from releaser.onhost.call import call
print(json.dumps(call(json.load(sys.stdin))))
"""


def order(
    directory: Path, script: str = "echo done", *, limit: float = 20.0, verb: str = "router.read"
) -> dict[str, Any]:
    look = [{"do": "run", "argv": ["sh", "-c", script], "within": limit}]
    request = {"look": look, "within": limit}
    return {"calls": str(directory / "calls"), "id": ID, "verb": verb, "limit": limit, "request": request}


def spawn(order: dict[str, Any]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", DRIVER], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdin is not None
    json.dump(order, process.stdin)
    process.stdin.close()
    process.stdin = None
    return process


def run(order: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: a call forks."""
    with spawn(order) as process:
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    return dict(json.loads(stdout))


def ask(directory: Path, limit: float = 0.0) -> dict[str, Any]:
    return calls.ask({"calls": str(directory / "calls"), "id": ID, "limit": limit})


def until_there(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} never came"
        time.sleep(0.01)


def test_an_answer_is_given_and_can_be_asked_for_again(tmp_path: Path) -> None:
    done = {"state": "done", "answer": {"ok": {"replies": ["done\n"]}}}
    assert run(order(tmp_path)) == done
    assert ask(tmp_path) == ask(tmp_path) == done


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    told = run(order(tmp_path, "exit 3"))
    assert told["answer"]["error"]["code"] == "status"
    assert ask(tmp_path) == told


def test_a_verb_that_breaks_off_is_lost(tmp_path: Path) -> None:
    broken = order(tmp_path) | {"verb": "ledger.read", "request": {}}
    assert run(broken) == {"state": "broke"}
    assert ask(tmp_path) == {"state": "lost"}


def test_a_call_runs_once_however_often_it_is_sent(tmp_path: Path) -> None:
    once = order(tmp_path, f"echo x >> {tmp_path}/ran")
    run(once)
    assert run(once) == {"state": "void"}
    assert (tmp_path / "ran").read_text() == "x\n"


def test_what_was_asked_about_first_never_begins(tmp_path: Path) -> None:
    assert ask(tmp_path) == ask(tmp_path) == {"state": "void"}
    assert run(order(tmp_path, f"touch {tmp_path}/ran")) == {"state": "void"}
    assert not (tmp_path / "ran").exists()


def test_its_time_is_limited_and_its_group_ends_with_it(tmp_path: Path) -> None:
    """The verb stops itself, so that only its own limit can end it; what it started is ended too."""
    script = f"echo $$ > {tmp_path}/pid; kill -STOP $PPID; exec sleep 60"
    assert run(order(tmp_path, script, limit=1.5)) == {"state": "ended"}
    assert ask(tmp_path) == {"state": "lost"}
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_call_goes_on_without_whoever_began_it(tmp_path: Path) -> None:
    script = f"touch {tmp_path}/began; while ! test -e {tmp_path}/go; do sleep 0.02; done; echo late"
    with spawn(order(tmp_path, script)) as process:
        until_there(tmp_path / "began")
        process.kill()
        assert ask(tmp_path) == {"state": "running"}
        threading.Timer(0.2, (tmp_path / "go").touch).start()
        assert ask(tmp_path, limit=20)["answer"] == {"ok": {"replies": ["late\n"]}}
        process.communicate()


def test_a_verb_that_was_killed_is_lost(tmp_path: Path) -> None:
    with spawn(order(tmp_path, f"touch {tmp_path}/began; sleep 60")) as process:
        until_there(tmp_path / "began")
        pid = int((tmp_path / "calls" / ID).read_text().split()[0])
        os.killpg(pid, signal.SIGKILL)
        stdout, _ = process.communicate(timeout=30)
    assert json.loads(stdout) == {"state": "broke"}
    assert ask(tmp_path) == {"state": "lost"}


def test_old_records_are_removed_and_the_spare_file_is_kept(tmp_path: Path) -> None:
    run(order(tmp_path))
    for entry in (tmp_path / "calls").iterdir():
        os.utime(entry, (0, 0))
    calls.ask({"calls": str(tmp_path / "calls"), "id": "f" * 16, "limit": 0.0})
    assert sorted(entry.name for entry in (tmp_path / "calls").iterdir()) == sorted(
        [calls.LOCK, *calls.SPARES, "f" * 16]
    )


def fill(disk: Path) -> None:
    """To the last byte and the last inode."""
    with (disk / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b"x" * 4096):
            pass
    with contextlib.suppress(OSError):
        for number in range(100):
            (disk / f"ballast-{number}").touch()


def test_a_full_disk_keeps_no_call_from_being_run(tmp_path: Path) -> None:
    """Its record takes a name and an inode that were kept for it; only the answer cannot be asked for again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=50", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        calls.ask({"calls": str(disk / "calls"), "id": "f" * 16, "limit": 0.0})
        fill(disk)
        assert run(order(disk))["answer"] == {"ok": {"replies": ["done\n"]}}
        assert ask(disk) == {"state": "lost"}  # never "void": it has run
        for spare in calls._spares(disk / "calls"):
            spare.rename(disk / "calls" / spare.name[1:].ljust(16, "0"))
        without = order(disk) | {"id": "a" * 16}
        assert run(without)["answer"] == {"ok": {"replies": ["done\n"]}}
        (disk / "ballast-0").unlink()
        asked = calls.ask({"calls": str(disk / "calls"), "id": "a" * 16, "limit": 0.0})
        assert asked == {"state": "lost"}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_records_are_their_owners_only(tmp_path: Path) -> None:
    run(order(tmp_path))
    assert (tmp_path / "calls").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "calls" / ID).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "short", "0123456789ABCDEF"])
def test_an_id_is_nothing_but_an_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal):
        calls.ask({"calls": str(tmp_path), "id": name, "limit": 0.0})
