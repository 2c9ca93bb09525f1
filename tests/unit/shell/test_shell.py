import json
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from releaser.errors import (
    FailedError,
    FencedError,
    HeldError,
    RefusedError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from releaser.shell import LocalShell, agent_argv, agent_bytes, agent_name
from releaser.shell.base import decode, request_bytes
from releaser.shell.scripts import agent_files


def test_the_agent_is_the_same_bytes_every_time() -> None:
    packed = agent_bytes()
    agent_bytes.cache_clear()
    agent_files.cache_clear()
    assert agent_bytes() == packed
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        members = archive.infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert {"__main__.py", "releaser/__init__.py", "releaser/onhost/ledger.py"} < set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_the_agent_is_named_for_its_content() -> None:
    stem, digest = agent_name()[:6], agent_name()[6:]
    assert (stem, len(digest)) == ("agent-", 12)
    int(digest, 16)


def test_argv_holds_nothing_variable() -> None:
    assert agent_argv("python3", "/a/agent.pyz", "ledger.read") == [
        "python3",
        "-I",
        "-S",
        "/a/agent.pyz",
        "ledger.read",
    ]


def test_a_request_carries_its_time() -> None:
    assert json.loads(request_bytes({"state": "/s"}, 2.5)) == {"state": "/s", "within": 2.5}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("failed", FailedError),
        ("fenced", FencedError),
        ("held", HeldError),
        ("refused", RefusedError),
        ("usage", UsageError),
    ],
)
def test_an_agents_no_is_raised_as_what_it_is(kind: str, error: type[Exception]) -> None:
    no = {"error": {"kind": kind, "code": "c", "message": "m", "fix": ["do this"]}}
    with pytest.raises(error) as caught:
        decode("v", "lb1", status=0, stdout=json.dumps(no).encode(), stderr=b"")
    raised = caught.value
    assert isinstance(raised, FailedError | FencedError | HeldError | RefusedError | UsageError)
    assert (raised.message, raised.code, raised.fix) == ("lb1: m", "c", ("do this",))


@pytest.mark.parametrize("stdout", [b"", b"{", b"[]", b"{}", b"1"])
def test_an_agent_that_broke_off_leaves_us_not_knowing(stdout: bytes) -> None:
    with pytest.raises(UnknownError, match="MemoryError: no room"):
        decode("v", "lb1", status=1, stdout=stdout, stderr=b"Traceback\n  x\nMemoryError: no room\n")


def test_a_file_is_put_in_place_whole_and_private(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 3_000_000)
    shell = LocalShell(tmp_path)
    shell.put(tmp_path / "source", str(tmp_path / "copy"), within=10)
    assert (tmp_path / "copy").read_bytes() == b"x" * 3_000_000
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    shell = LocalShell(tmp_path)
    for remote, within in ((tmp_path / "none" / "copy", 10.0), (tmp_path / "copy", -1.0)):
        with pytest.raises(UnreachableError):
            shell.put(tmp_path / "source", str(remote), within=within)
    assert [entry.name for entry in tmp_path.iterdir()] == ["source"]


def placed_files(agent: Path) -> dict[str, bytes]:
    return {name: (agent / name).read_bytes() for name in agent_files()}


def test_the_agent_is_placed_once_and_mended_when_it_was_damaged(tmp_path: Path) -> None:
    state = {"state": str(tmp_path / "state")}
    assert LocalShell(tmp_path).call("ledger.read", state, within=10)["fence"] == 0
    agent = tmp_path / "agent" / agent_name()
    assert placed_files(agent) == agent_files()
    (agent / "__main__.py").write_bytes(b"")
    (agent / "releaser/onhost/ledger.py").unlink()
    assert LocalShell(tmp_path).call("ledger.read", state, within=10)["fence"] == 0
    assert placed_files(agent) == agent_files()
    assert [entry.name for entry in (tmp_path / "agent").iterdir()] == [agent_name()]


def test_a_placed_agent_is_compiled_for_the_python_that_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "pycache_prefix", str(tmp_path / "elsewhere")
    )  # which the agent's own Python does not heed
    LocalShell(tmp_path).call("ledger.read", {"state": str(tmp_path / "state")}, within=10)
    onhost = tmp_path / "agent" / agent_name() / "releaser" / "onhost"
    compiled = {f"{source.stem}.{sys.implementation.cache_tag}.pyc" for source in onhost.glob("*.py")}
    assert {entry.name for entry in (onhost / "__pycache__").iterdir()} == compiled


def test_a_cache_of_another_python_is_passed_over(tmp_path: Path) -> None:
    state = {"state": str(tmp_path / "state")}
    LocalShell(tmp_path).call("ledger.read", state, within=10)
    for cached in (tmp_path / "agent" / agent_name()).glob("releaser/**/*.pyc"):
        cached.write_bytes(b"\x00" * 4 + cached.read_bytes()[4:])
    assert LocalShell(tmp_path).call("ledger.read", state, within=10)["fence"] == 0


def test_shells_that_place_at_the_same_time_leave_one_whole_agent(tmp_path: Path) -> None:
    state = {"state": str(tmp_path / "state")}
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(LocalShell(tmp_path).call, "ledger.read", state, within=20) for _ in range(4)]
        assert [call.result()["fence"] for call in calls] == [0, 0, 0, 0]
    assert [entry.name for entry in (tmp_path / "agent").iterdir()] == [agent_name()]
    assert placed_files(tmp_path / "agent" / agent_name()) == agent_files()


def test_a_root_that_cannot_be_written_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("")
    with pytest.raises(UnreachableError, match="must be writable"):
        LocalShell(tmp_path).call("ledger.read", {}, within=10)


def test_a_verb_that_takes_too_long_is_ended_and_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownError, match="no answer within"):
        LocalShell(tmp_path).call("ledger.read", {"state": str(tmp_path)}, within=0.001)


def test_an_unknown_verb_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        LocalShell(tmp_path).call("router.burn", {}, within=10)


def test_a_request_that_is_not_complete_breaks_the_agent_off(tmp_path: Path) -> None:
    with pytest.raises(UnknownError, match="KeyError"):
        LocalShell(tmp_path).call("ledger.read", {}, within=10)


def test_what_is_kept_beside_the_application_is_for_its_owner_only(tmp_path: Path) -> None:
    for there in (False, True):
        root = tmp_path / f"srv-{there}" / ".releaser"
        if there:
            root.mkdir(parents=True, mode=0o755)
        LocalShell(root).call("ledger.read", {"state": str(root / "router")}, within=20)
        assert root.stat().st_mode & 0o777 == 0o700
        assert root.parent.stat().st_mode & 0o777 == 0o755
