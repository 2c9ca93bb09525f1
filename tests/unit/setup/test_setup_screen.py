"""What is said of host keys, of hosts that have much in common, and of somebody who may not become root."""

import io
import os
from pathlib import Path

import pytest

from releaser.cli.accepting_keys import accepted
from releaser.cli.lines import text_of
from releaser.cli.render import Screen
from releaser.cli.run import Options, Run
from releaser.cli.views.setup import document, setup_lines
from releaser.engine.setup.carry import Found
from releaser.engine.setup.reach import Reach, Unknown
from releaser.engine.setup.steps import Finding
from releaser.errors import FailedError, UnreachableError, UsageError
from releaser.shell.ssh.scan import Shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def unknown(tmp_path: Path, *hosts: str) -> list[Unknown]:
    file = tmp_path / "known_hosts"
    return [Unknown(Shown(host, "ssh-ed25519", f"SHA256:{host}", f"{host} ssh-ed25519 AAAA"), file) for host in hosts]


def run(answer: str | None = None, *, yes: bool = False) -> Run:
    """`answer` is what a person types; None: there is no terminal."""
    stream = io.StringIO if answer is None else Terminal
    screen = Screen(io.StringIO(), stream(), color=False, overflow=lambda: Path("never"))
    return Run(screen, stream(f"{answer}\n"), {}, lambda *_, **__: pytest.fail("no session"), Options(yes=yes))


def test_a_person_sees_every_fingerprint_and_says_yes(tmp_path: Path) -> None:
    keys, at = unknown(tmp_path, "web1", "lb1"), run("y")
    assert accepted(at, keys, ()) == keys
    screen = at.screen.err_stream
    assert isinstance(screen, io.StringIO)
    assert all(word in screen.getvalue() for word in ("SHA256:web1", "SHA256:lb1", "ssh-keygen -lf"))


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_anything_but_yes_is_no(tmp_path: Path, answer: str) -> None:
    with pytest.raises(FailedError):
        accepted(run(answer), unknown(tmp_path, "web1"), ())


@pytest.mark.parametrize("yes", [True, False])
def test_without_a_terminal_each_fingerprint_must_be_named_and_yes_is_none(tmp_path: Path, *, yes: bool) -> None:
    keys = unknown(tmp_path, "web1", "lb1")
    with pytest.raises(UsageError) as caught:
        accepted(run(yes=yes), keys, ["SHA256:web1"])
    assert caught.value.fix == ("--accept-host-key SHA256:lb1",)
    assert "web1 shows" not in caught.value.message
    assert accepted(run(yes=yes), keys, ["SHA256:web1", "SHA256:lb1"]) == keys


def test_yes_does_not_answer_for_the_person_at_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(FailedError):
        accepted(run("n", yes=True), unknown(tmp_path, "web1"), ())


def test_a_pinned_key_is_a_line_below_the_others(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    keys = [Unknown(one.shown, file) for one in unknown(tmp_path, "web1", "web2")]
    Reach({}, tmp_path).pin(keys[:1])
    file.write_text(file.read_text().rstrip())  # as editors leave it
    Reach({}, tmp_path).pin(keys[1:])
    assert file.read_text() == "web1 ssh-ed25519 AAAA\nweb2 ssh-ed25519 AAAA\n"


def test_two_hundred_hosts_stay_readable() -> None:
    todo = (Finding("ok", "Python"), Finding("ok", "user"), Finding("todo", "the directory", "why"))
    found: Found = {f"web{number}": todo for number in range(198)} | {
        "web198": (Finding("cannot", "the unit", "there is none"),),
        "web199": UnreachableError("web199 port 22 cannot be reached: no answer", fix=("look",)),
    }
    assert [text_of(line) for line in setup_lines(found)] == [
        "web0, web1, web2, web3, web4 and 193 more",
        "  to do   the directory: why",
        "  ok      2 of 3 as they should be already",
        "web198",
        "  DECIDE  the unit: there is none",
        "web199",
        "  FAILED  web199 port 22 cannot be reached: no answer",
        "  try     look",
    ]
    told = document(found)["hosts"]
    assert len(told) == 200
    assert told[199]["error"].startswith("web199")
    assert told[0]["steps"][2] == {"state": "todo", "what": "the directory", "detail": "why"}


def fake_program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_on_this_machine_it_is_root_or_sudo_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    reach = Reach({"local": None}, tmp_path)
    fake_program(tmp_path, "id", "echo 0")
    assert reach.run("local", 'echo "$1 $2"\n', ("local", "look"), within=20) == "local look\n"
    fake_program(tmp_path, "id", "echo 1000")
    fake_program(tmp_path, "sudo", 'shift 2; echo as root; exec "$@"')
    assert reach.run("local", 'echo "$1"\n', ("local",), within=20) == "as root\nlocal\n"
    fake_program(tmp_path, "sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(FailedError) as caught:
        reach.run("local", "echo never\n", ("local",), within=20)
    assert caught.value.code == "no-root"
