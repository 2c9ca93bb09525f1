import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from releaser.errors import FailedError
from releaser.shell import agent_bytes, agent_name
from releaser.shell.ssh.channel import Ran
from releaser.shell.ssh.placing import Account, no_python
from releaser.shell.ssh.scripts import agent_command, agent_digest, install_command, receive_command

PYTHON = sys.executable


def test_a_verb_is_a_line_without_anything_variable() -> None:
    assert (
        agent_command("python3", "/srv/shop/.releaser/agent/agent-1", "call", sudo=None)
        == "exec python3 -I -S /srv/shop/.releaser/agent/agent-1 call"
    )


def test_another_user_does_it_by_sudo_without_a_question() -> None:
    line = agent_command("python3", "/a/agent-1", "call", sudo="shop")
    assert line == "exec sudo -n -u shop -- python3 -I -S /a/agent-1 call"


def test_a_path_is_one_word_whatever_is_in_it() -> None:
    path = '/srv/it\'s a $(test) `x` "y"; z'
    assert shlex.split(receive_command("python3", path, 1, "d", sudo=None))[-3] == path


def installed(root: Path, *, new: bool) -> dict[str, object]:
    line = install_command(PYTHON, str(root), new=new, sudo=None)
    done = subprocess.run(["sh", "-c", line], input=agent_bytes() if new else b"", capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def test_the_agent_appears_whole_and_is_whole_by_the_same_digest(tmp_path: Path) -> None:
    root = tmp_path / "shop" / ".releaser"
    before, after = installed(root, new=False), installed(root, new=True)
    assert (before["whole"], after["whole"], installed(root, new=False)["whole"]) == (False, True, True)
    agent = Path(str(after["agent"]))
    assert (agent.name, agent.parent) == (agent_name(), root / "agent")
    assert list(agent.glob("releaser/onhost/__pycache__/ledger.*.pyc"))
    (agent / "__main__.py").write_text("pass")
    assert installed(root, new=False)["whole"] is False
    assert installed(root, new=True)["whole"] is True
    assert [entry.name for entry in agent.parent.iterdir()] == [agent_name()]


def test_where_it_cannot_be_placed_the_host_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = installed(tmp_path / "file" / ".releaser", new=True)
    assert told["whole"] is False
    assert "file" in str(told["why"])


@pytest.mark.parametrize(("size", "digest"), [(5, "0" * 64), (6, "2" * 64)])
def test_what_is_not_what_was_sent_is_no_file(tmp_path: Path, size: int, digest: str) -> None:
    line = receive_command(PYTHON, str(tmp_path / "target"), size, digest, sudo=None)
    done = subprocess.run(["sh", "-c", line], input=b"hello", capture_output=True, check=False)
    assert done.returncode == 3
    assert b"arrived" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sudo", "status", "said", "code"),
    [
        ("shop", 1, "sudo: a password is required", "sudo"),
        ("shop", 1, "sudo: sorry, you must have a tty to run sudo", "sudo-tty"),
        ("shop", 1, "sudo: a terminal is required to read the password", "sudo"),
        (None, 127, "bash: python3: command not found", "python"),
        (None, 126, "permission denied", "python"),
        (None, 1, "This account is currently not available.", "python"),
    ],
)
def test_why_nothing_of_ours_ran(sudo: str | None, status: int, said: str, code: str) -> None:
    error = no_python(Account("web1", "deploy", "/srv/shop", "python3", sudo), Ran(status, b"", said.encode()))
    assert isinstance(error, FailedError)
    assert (error.code, "web1" in error.message) == (code, True)


def test_the_digest_is_over_names_and_contents() -> None:
    assert len(agent_digest()) == 64
