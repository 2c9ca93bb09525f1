"""A visit runs a verb of the agent and leaves nothing behind, whatever the host's Python is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from releaser.errors import FailedError, RefusedError, UnknownError
from releaser.shell.ssh.visitor import visit_command
from releaser.shell.visiting import LocalVisitor, visit_argv, visit_bytes


def test_a_verb_answers_and_nothing_is_there_afterwards(tmp_path: Path) -> None:
    visitor = LocalVisitor()
    told = visitor.call("ledger.read", {"state": str(tmp_path / "site")}, within=30)
    assert told["fence"] == 0
    assert not list(tmp_path.iterdir())
    assert visitor.span is not None
    assert visitor.span[0] <= visitor.span[1]


def test_a_refusal_of_the_host_is_the_same_error_as_the_agent_s(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_text('{"format": 99}')
    with pytest.raises(RefusedError, match="format 99"):
        LocalVisitor().call("ledger.read", {"state": str(tmp_path)}, within=30)


def test_a_verb_that_hangs_ends_itself_on_the_host() -> None:
    """As its line may be lost, nobody else would end it."""
    look = [{"do": "run", "argv": ["sleep", "60"], "within": 60}]
    asked = visit_bytes("router.read", {"look": look}, 0.3)
    done = subprocess.run(visit_argv(sys.executable), input=asked, capture_output=True, check=False, timeout=30)
    assert done.returncode != 0 or b"did not end in time" in done.stdout
    with pytest.raises((UnknownError, FailedError)):
        LocalVisitor().call("router.read", {"look": look}, within=0.3)


def test_the_script_says_so_where_python_is_too_old() -> None:
    argv = visit_argv(sys.executable)
    older = argv[-1].replace("OLDEST = (3, 7)", "OLDEST = (99, 0)")
    done = subprocess.run([*argv[:-1], older], input=b"", capture_output=True, check=True, timeout=30)
    assert json.loads(done.stdout) == {"old": list(sys.version_info[:2])}


def test_a_visit_is_one_line_without_anything_variable() -> None:
    line = visit_command("python3", "shop")
    assert line.startswith("exec sudo -n -u shop -- python3 -I -S -c ")
    assert visit_command("python3", None) == line.replace("sudo -n -u shop -- ", "")


def test_nobody_who_examines_copies_a_file(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        LocalVisitor().put(tmp_path, "/tmp/x", within=1)
