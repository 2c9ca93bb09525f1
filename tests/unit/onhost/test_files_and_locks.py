import ast
import errno
import os
import time
from pathlib import Path

import pytest

import releaser.onhost
from releaser.onhost import clock, files, lock
from releaser.onhost.answers import Refusal

SOURCES = sorted(Path(releaser.onhost.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_host_with_python_3_7_can_read_it(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 7))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match | ast.NamedExpr)]


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    old = os.umask(0o077)
    try:
        files.replace(path, b"one", 0o644)
        files.replace(path, b"2", 0o644)
    finally:
        os.umask(old)
    assert path.read_bytes() == b"2"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_a_failed_replacement_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").touch()
    with pytest.raises(OSError, match="d"):
        files.replace(tmp_path / "d", b"no")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["d"]


def test_a_rename_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert files.rename(tmp_path / "a", tmp_path / "b")
    assert not files.rename(tmp_path / "a", tmp_path / "c")


def test_a_reserve_is_kept_and_survives_small_files(tmp_path: Path) -> None:
    files.reserve(tmp_path)
    files.reserve(tmp_path)
    assert (tmp_path / files.SPARE).stat().st_size == max(files.SPARE_SIZES)


def test_the_reserve_is_written_over_not_extended(tmp_path: Path) -> None:
    files.reserve(tmp_path)
    target = tmp_path / "ledger.json"
    assert files._take_reserve(target)
    files._write(target, b"{}", 0o600)
    assert target.read_bytes() == b"{}"
    assert not files._take_reserve(target)


@pytest.mark.parametrize("text", ["", "{", "[1]", "nul"])
def test_a_document_that_is_not_one_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(Refusal):
        files.read_json(tmp_path / "x.json")
    assert files.read_json(tmp_path / "y.json") is None


def test_a_lock_lets_one_in_and_says_when_it_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.locked(path, time.monotonic() + 1):
        inode = path.stat().st_ino
        assert lock.claim(path) is None
        with pytest.raises(Refusal, match="locked by another"), lock.locked(path, time.monotonic() - 1):
            pass
    with lock.locked(path, time.monotonic() + 1):
        assert path.stat().st_ino == inode


def test_a_claim_lasts_until_it_is_closed_and_is_not_inherited(tmp_path: Path) -> None:
    claimed = lock.claim(tmp_path / "lock")
    assert claimed is not None
    assert not os.get_inheritable(claimed)
    os.close(claimed)
    again = lock.claim(tmp_path / "lock")
    assert again is not None
    os.close(again)


def test_the_boot_clock_moves_on_and_knows_its_boot(tmp_path: Path) -> None:
    first, second = clock.now(tmp_path), clock.now(tmp_path)
    assert second.at >= first.at
    assert second.boot == first.boot
    (tmp_path / "boot_id").write_text("mine\n")
    assert clock.now(tmp_path).boot == "mine"


def test_a_process_is_known_by_its_start_time() -> None:
    assert clock.started(os.getpid()) == clock.started(os.getpid())
    assert clock.started(2**22 + 1) is None
    child = os.fork()
    if child == 0:
        os._exit(0)
    deadline = time.monotonic() + 5
    while clock.started(child) is not None and time.monotonic() < deadline:
        pass
    assert clock.started(child) is None, "a zombie does nothing more"
    os.waitpid(child, 0)


def test_only_a_full_disk_is_a_full_disk() -> None:
    assert set(files.FULL) == {errno.ENOSPC, errno.EDQUOT}
