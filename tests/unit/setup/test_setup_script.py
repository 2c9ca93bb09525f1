"""The script of the steps: run for real by this machine's sh, on steps that need no rights."""

import subprocess
from pathlib import Path

import pytest

from releaser.engine.setup.script import Script, render
from releaser.engine.setup.steps import Finding, Preparation, Step, quote

NOT_ROOT = 'if [ "$(id -u)" -ne 0 ]'


def file_step(path: Path) -> Step:
    return Step(f"the file {path.name}", f"[ -e {quote(str(path))} ]", f"touch {quote(str(path))}")


def run(script: Script, *words: str) -> tuple[int, tuple[Finding, ...]]:
    """As root would; what needs root is not in these steps."""
    text = script.text.replace(NOT_ROOT, "if false")
    assert text != script.text
    done = subprocess.run(["sh", "-s", *words], input=text, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    return done.returncode, script.findings(done.stdout)


def states(found: tuple[Finding, ...]) -> list[str]:
    return [one.state for one in found]


def test_it_looks_does_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    here, there = file_step(tmp_path / "here it is"), file_step(tmp_path / "there")
    script = render("production", [Preparation("web1", (here,)), Preparation("lb1", (here, there))])
    assert script.steps == (here, there)
    assert [states(run(script, host, "look")[1]) for host in ("web1", "lb1")] == [["todo"], ["todo", "todo"]]
    assert list(tmp_path.iterdir()) == []
    assert states(run(script, "web1")[1]) == ["done"]
    assert states(run(script, "lb1", "look")[1]) == ["ok", "todo"]
    assert states(run(script, "lb1")[1]) == ["ok", "done"]
    assert states(run(script, "lb1")[1]) == ["ok", "ok"]


def test_nothing_is_done_while_a_person_must_decide(tmp_path: Path) -> None:
    decide = Step("a choice", 'cannot "the port is" "taken"')
    script = render("production", [Preparation("web1", (file_step(tmp_path / "one"), decide))])
    assert run(script, "web1") == (1, (Finding("cannot", "a choice", "the port is taken"),))
    assert list(tmp_path.iterdir()) == []


def test_the_first_step_that_fails_ends_it_with_its_last_words(tmp_path: Path) -> None:
    broken = Step("a thing", "false", "echo first\necho no such thing >&2\nfalse\ntouch never")
    script = render("production", [Preparation("web1", (broken, file_step(tmp_path / "later")))])
    assert run(script, "web1") == (1, (Finding("failed", "a thing", "no such thing"),))
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_did_what_it_could_and_is_still_not_there_has_failed(tmp_path: Path) -> None:
    script = render("production", [Preparation("web1", (Step("a thing", "false", "true"),))])
    assert states(run(script, "web1")[1]) == ["failed"]


def test_a_note_stops_nobody(tmp_path: Path) -> None:
    script = render("production", [Preparation("web1", (Step("x", 'note "by the way"'), file_step(tmp_path / "one")))])
    assert run(script, "web1", "look")[1][0] == Finding("note", "x", "by the way")
    assert states(run(script, "web1")[1]) == ["note", "done"]


def test_the_old_text_of_a_file_stays_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "it's a file"
    file.write_text("old\n")
    text = "new 'and' $quoted\n\nlines"
    step = Step("text", f"holds {quote(str(file))} {quote(text)}", f"put {quote(str(file))} 0640 {quote(text)}")
    script = render("production", [Preparation("web1", (step,))])
    assert states(run(script, "web1")[1]) == ["done"]
    assert file.read_text() == text + "\n"
    assert oct(file.stat().st_mode)[-3:] == "640"
    file.write_text("newer\n")
    assert states(run(script, "web1")[1]) == ["done"]
    assert [Path(f"{file}.before-releaser.{n}").read_text() for n in (1, 2)] == ["old\n", "newer\n"]


@pytest.mark.parametrize("words", [(), ("web9",)])
def test_without_a_host_that_it_knows_it_names_those(words: tuple[str, ...], tmp_path: Path) -> None:
    script = render("production", [Preparation("web1", (file_step(tmp_path / "one"),))])
    done = subprocess.run(["sh", "-s", *words], input=script.text, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "HOST is one of web1" in done.stderr


def test_other_words_on_the_screen_are_no_findings() -> None:
    script = render("production", [Preparation("web1", (Step("x", "true"),))])
    assert script.findings("Welcome!\nok\t1\tx\t\nok\t7\tx\t\nbad\t1\tx\t\nok\tx\n") == (Finding("ok", "x"),)
