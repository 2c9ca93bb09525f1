"""Does the documentation mention everything there is, and only what there is? Links, examples and tables are checked."""

import dataclasses
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from releaser.cli.answer import Answer
from releaser.cli.detach import KILLERS
from releaser.cli.exits import CODES, DIFFERENT, HELD_BY_ANOTHER
from releaser.cli.main import cli
from releaser.cli.verbs import VERBS
from releaser.config.environment import Environment
from releaser.config.playbook import Playbook, load_playbook
from releaser.config.read import load_environment
from releaser.core import events as e
from releaser.core.commands import Command
from releaser.core.values import Outcome
from releaser.engine.registry import Registry
from releaser.onhost.__main__ import VERBS as AGENT_VERBS
from releaser.onhost.statedir import EMPTY as EMPTY_LEDGER

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def row(page: str, name: str) -> str:
    """The table's line whose first cell is, or holds, `name`."""
    found = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert found, f"{name} has no row"
    return found[0]


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return ["".join(one.removeprefix(indent) for one in code.splitlines(keepends=True)) for indent, said, code in found if said == language]  # fmt: skip


def anchors(page: Path) -> set[str]:
    """As the usual renderers make them of headings."""
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            links = LINK.findall(page.read_text(encoding="utf-8"))
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link]
    assert set(PAGES) <= reached


@by_page
def test_every_shell_block_parses(page: Path) -> None:
    shell = shutil.which("bash") or shutil.which("sh")
    if shell is None:
        pytest.skip("no shell here to parse with")
    for block in blocks(page, "sh"):
        done = subprocess.run([shell, "-n"], input=block, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{block}"


@by_page
def test_every_command_line_has_a_verb_and_options_that_there_are(page: Path) -> None:
    for words in command_lines(page):
        verb, *more = words[1:]
        if verb in {"--help", "--version"}:
            continue
        assert verb in VERBS, " ".join(words)
        known = options_of(verb)
        for word in more:
            if word.startswith("-") and word != "-":
                assert word.partition("=")[0] in known, " ".join(words)


def command_lines(page: Path) -> Iterator[list[str]]:
    """`releaser VERB ...` in shell blocks and in code spans, up to the first pipe or redirection."""
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(releaser [^`]+)`", BLOCK.sub("", page.read_text(encoding="utf-8")))
    for line in lines:
        found = re.search(r"(?:^|[\s/])(releaser (?:[a-z-]+)\b[^|>&;]*)", line)
        if found:
            yield shlex.split(found[1], comments=True)


@cache
def options_of(verb: str) -> frozenset[str]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    return frozenset(name for one in commands for option in one.params for name in option.opts) | {"--help", "-h"}


def test_every_verb_and_option_is_in_the_reference() -> None:
    page = text("reference/commands.md")
    for verb in VERBS:
        section = (
            page.partition(f"### releaser {verb}\n")[2].partition("\n### ")[0] + page.partition("## Exit codes")[0]
        )
        assert section, verb
        for option in cli.get_command(click.Context(cli), verb).params:  # type: ignore[union-attr]  # every verb is there
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[-1] in section, f"{verb} {option.opts[-1]}"


@pytest.mark.parametrize("kind", get_args(e.Event), ids=lambda kind: kind.__name__)
def test_every_event_has_its_row_with_every_field(kind: type) -> None:
    said = row(text("reference/journal.md"), kind.__name__)
    for one in dataclasses.fields(kind):
        assert f"`{one.name}`" in said, f"{kind.__name__}.{one.name}"


def test_every_command_to_the_world_is_named() -> None:
    page = text("reference/journal.md")
    for command in get_args(Command):
        row(page, command.__name__)


def test_the_answer_and_the_exit_codes_are_described() -> None:
    page = text("reference/answers.md")
    for key in Answer(Outcome.PROMOTED, 0).document():
        row(page, key)
    for outcome in Outcome:
        row(page, str(outcome))
    for code in {1, 2, 4, DIFFERENT, HELD_BY_ANOTHER, *(one for pair in CODES.values() for one in pair)}:
        assert re.search(rf"\b{code}\b", page.partition("## The answer")[0]), code


def test_every_key_of_the_ledger_and_every_verb_of_the_agent_is_described() -> None:
    for key in EMPTY_LEDGER:
        row(text("reference/ledger.md"), key)
    for verb in AGENT_VERBS:
        row(text("reference/on-host.md"), verb)


def test_every_variable_that_is_read_is_described() -> None:
    page = text("reference/environment-variables.md")
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "releaser").rglob("*.py"))
    for name in {*KILLERS, *re.findall(r'environ\.get\("([A-Z_]+)"\)', source), "RELEASER_STATE", "RELEASER_ENV"}:
        assert name in page, name


def test_every_configuration_key_is_in_the_reference() -> None:
    page = text("reference/configuration.md") + text("how-to/write-an-environment.md")
    adapters = [options for _, options in sorted(Registry.installed().items()) if options.model_fields]
    models: list[type[BaseModel]] = [Environment, Playbook, *adapters]
    for model in models:
        for key in keys_of(model):
            assert re.search(rf"\b{re.escape(key)}[`:]", page), f"{model.__name__}: {key}"


def test_every_key_of_the_generated_page_has_a_meaning() -> None:
    rows = [line for line in text("reference/configuration.md").splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if not row.rsplit("|", 2)[1].strip()] == []
    for key in ("artifact.file", "targets.NAME.run.command", "targets.NAME.run.systemd", "playbook"):
        assert any(row.startswith(f"| `{key}` |") for row in rows), key


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a section and of the sections in it, as files have them; not the file's own name."""
    for name, field in model.model_fields.items():
        if name not in {"name", "options"}:
            yield field.alias or name
        for inner in sections(field.annotation):
            yield from keys_of(inner)


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


@by_page
def test_every_example_of_a_file_is_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        found = re.match(r"# (environments|playbooks)/(\w+)\.yaml\n", block)
        if found is None:
            continue
        folder, name = tmp_path / found[1], found[2]
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(block, encoding="utf-8")
        if found[1] == "playbooks":
            load_playbook((folder,), name)
        else:
            load_environment(folder, name, Registry.installed(), variables={}, settings=())


def test_the_environments_of_the_tutorials_are_valid(tmp_path: Path) -> None:
    page = text("tutorials/first-release.md")
    (written,) = re.findall(r"cat > environments/local.yaml <<'END'\n(.*?)^END", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "local.yaml").write_text(written, encoding="utf-8")
    environment, _ = load_environment(tmp_path, "local", Registry.installed(), variables={}, settings=())
    assert environment.app == "shop"


def test_every_test_that_an_invariant_names_exists() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text("explanation/invariants.md"))
    assert len(named) > 20
    for name in named:
        assert f"def {name}(" in source, name


def test_every_invariant_of_the_simulator_is_explained() -> None:
    from releaser.testing.invariants import COVERED

    page = text("explanation/invariants.md")
    rows = {int(number): rest for number, rest in re.findall(r"^\| (\d+) \|(.+)$", page, re.MULTILINE)}
    assert sorted(rows) == list(range(1, 33))
    for number, rest in rows.items():
        assert (" sim" in rest) == (number in COVERED), number


def test_the_licence_is_the_one_that_is_named() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
