"""Help: at 80 columns, word for word, and without importing what it does not need."""

import io
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from releaser.cli.main import cli, run
from releaser.cli.reference import main as reference
from releaser.cli.reference import pages
from releaser.cli.verbs import VERBS

GOLDEN = Path(__file__).parents[2] / "data" / "cli-help"
THERE = [verb.name for verb in VERBS.values() if find_spec(verb.path)]
HEAVY = (
    "pydantic",
    "rich",
    "yaml",
    "httpx",
    "sqlite3",
    "releaser.core.codec",
    "releaser.engine.session",
    "releaser.config.read",
)


def helped(*words: str) -> str:
    out = io.StringIO()
    real, sys.stdout = sys.stdout, out
    try:
        assert run([*words, "--help"], environ={}, stdin=io.StringIO(), out=out, err=io.StringIO()) == 0
    finally:
        sys.stdout = real
    return out.getvalue()


def expect(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RELEASER_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("verb", THERE)
def test_the_help_of_every_verb(verb: str) -> None:
    text = helped(verb)
    assert all(len(one) <= 78 for one in text.splitlines())
    expect(verb, text)


def test_the_first_help() -> None:
    text = helped()
    assert all(len(one) <= 78 for one in text.splitlines())
    assert "releaser rollback -e production" in text
    expect("releaser", text)


@pytest.mark.parametrize("verb", THERE)
def test_the_table_says_what_the_verb_says(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert command.short_help == VERBS[verb].help


def test_help_imports_nothing_heavy() -> None:
    check = f"""
import sys
from releaser.cli.main import run
assert run(["--help"], environ={{}}, stdin=sys.stdin, out=sys.stdout, err=sys.stderr) == 0
assert run(["promote", "--help"], environ={{}}, stdin=sys.stdin, out=sys.stdout, err=sys.stderr) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


LOOKING = """
import io, os, sys
from releaser.cli.main import run
from pathlib import Path
assert run(["status"], environ={"RELEASER_STATE": "state"}, stdin=sys.stdin, out=io.StringIO(), err=sys.stderr) == 0
print(*sorted(sys.modules))
"""
NOT_TO_LOOK = (
    "httpx",
    "tenacity",
    "rich",
    "tarfile",
    "concurrent.futures",
    "releaser.config.compile",
    "releaser.config.playbook",
    "releaser.core.events",
    "releaser.core.codec",
    "releaser.engine.carrying",
    "releaser.engine.loop",
)


def test_a_look_imports_nothing_that_only_a_release_takes(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "demo.yaml").write_text(
        "app: shop\nartifact: dist/shop-{version}\nhosts: [local]\npath: ./place\nrun: ./shop --port {port}\n"
        "router: { kind: haproxy, hosts: [local], socket: /run/none/haproxy.sock, backend: shop }\n"
    )
    done = subprocess.run([sys.executable, "-c", LOOKING], cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "releaser.engine.session" in imported
    assert imported & set(NOT_TO_LOOK) == set()


def test_every_verb_and_option_stands_in_the_reference(tmp_path: Path) -> None:
    page = pages()["commands.md"]
    for verb in THERE:
        assert f"### releaser {verb}\n" in page
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in page
    written = Path(__file__).parents[3] / "docs" / "reference"
    assert reference(["--check"], written) == 0, "run python -m releaser.cli.reference"
    assert reference(["--check"], tmp_path) == 1
    assert reference([], tmp_path) == 0
    assert reference(["--check"], tmp_path) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promot", "1.4.2"), "releaser promote"),
        (("promote", "1.4.2", "--playbok", "x"), "--playbook"),
        (("status", "--chek"), "--check"),
        (("zzzzz",), "lists the verbs"),
        ((), "a verb is missing"),
    ],
)
def test_what_is_mistyped_gets_a_hint(words: tuple[str, ...], said: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    code = run([*words, "-o", "json"], environ={}, stdin=io.StringIO(), out=out, err=err)
    assert code == 2
    assert said in out.getvalue()


def test_shared_options_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    for words in (["-o", "json", "history"], ["history", "-o", "json"], ["-o", "yaml", "history", "-o", "json"]):
        out = io.StringIO()
        code = run(words, environ={"RELEASER_STATE": str(tmp_path)}, stdin=io.StringIO(), out=out, err=io.StringIO())
        assert code == 0
        assert out.getvalue().startswith("{\n")
