"""Where do the pages of docs/reference come from? From the commands and the schemas themselves: python -m releaser.cli.reference.

With --check nothing is written, and the exit code is 1 where a page is not what it should be.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from releaser.cli.main import cli
from releaser.cli.options import VerbCommand
from releaser.cli.verbs import SECTIONS

__all__ = ["commands_page", "configuration_page", "main", "pages"]

MADE = "<!-- Made by `python -m releaser.cli.reference`; change the code, not this page. -->"
CODES = (
    (0, "promoted, unchanged, or done: what was asked for is so"),
    (1, "an error of releaser or of the machine"),
    (2, "the command line or a file does not hold together"),
    (3, "rolled back, whatever started it; `status --check`: the last release was taken back"),
    (4, "not allowed"),
    (5, "a rollback is incomplete or was over its budget; `status --check`: routers differ"),
    (6, "refused before any effect: frozen, bad, drift, outdated"),
    (7, "another release holds the environment"),
    (8, "the time to watch is over and the release goes on; `status --check`: one runs"),
    (9, "held by policy (`on_failure: hold`)"),
    (10, "`plan --detailed-exitcode`: something would change"),
    (130, "interrupted before anything was shifted"),
)


def commands_page() -> str:
    """Every verb with its options, in the order in which a person meets them."""
    context = click.Context(cli, info_name="releaser", help_option_names=["-h", "--help"])
    parts = [MADE, "# Commands", "Every verb takes the shared options, before or after its name."]
    parts += ["## Shared options", _table(_options(cli.get_params(context), context))]
    parts += ["## Exit codes", _rows(("code", "meaning"), [(f"`{code}`", text) for code, text in CODES])]
    for title, verbs in SECTIONS:
        parts.append(f"## {title}")
        for verb in verbs:
            if verb.name == "demo" and not _is_there(verb.path):
                continue
            command = cli.get_command(context, verb.name)
            if command is not None:
                parts += _command(command, verb.name, context)
    return "\n\n".join(parts) + "\n"


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"### releaser {name}"
    yield f"```\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    shared = command.shared if isinstance(command, VerbCommand) else cli.params
    own = [one for one in command.params if one not in shared and one.name not in {each.name for each in cli.params}]
    options = _options(own, context)
    if options:
        yield _table(options)
    if command.epilog:
        text = command.epilog.replace("\b\n", "").strip()
        yield f"```\n{text}\n```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _command(found, f"{name} {inner}", parent)


def _options(parameters: list[click.Parameter], context: click.Context) -> list[tuple[str, str]]:
    return [record for one in parameters if (record := one.get_help_record(context)) is not None]


def _table(records: list[tuple[str, str]]) -> str:
    return _rows(("option", "meaning"), [(f"`{names}`", text) for names, text in records])


def _rows(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, ("---", "---"), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def configuration_page() -> str:
    """Every key of both files, with its form and default."""
    from releaser.config.schema import environment_schema, playbook_schema
    from releaser.engine.registry import Registry

    parts = [
        MADE,
        "# Configuration",
        "Durations are `250ms`, `30s`, `10m`, `2h`; shares are `5%`. Keys that begin with `x-` are free.",
    ]
    for title, schema in (
        ("environments/NAME.yaml", environment_schema(Registry.installed())),
        ("playbooks/NAME.yaml", playbook_schema()),
    ):
        keys = list(_keys(schema, schema, ()))
        rows = [f"| `{key}` | {form} | {default} | {text} |" for key, form, default, text in keys]
        parts += [f"## {title}", "\n".join(["| key | form | default | meaning |", "| --- | --- | --- | --- |", *rows])]
    return "\n\n".join(parts) + "\n"


Key = tuple[str, str, str, str]
SHORT = {("router",), ("ssh",)}
"""Of the short form: their own keys stand below targets.NAME already."""


def _keys(schema: Mapping[str, Any], part: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Key]:
    for name, raw in part.get("properties", {}).items():
        here = (*path, name)
        value = _resolved(schema, raw)
        default = f"`{raw['default']}`" if raw.get("default") not in (None, "", [], {}) else ""
        yield ".".join(here), _form(schema, raw), default.replace("|", "\\|"), _meaning(value, raw)
        if here not in SHORT:
            yield from _inner(schema, value, here, depth=len(here))


def _inner(schema: Mapping[str, Any], value: Mapping[str, Any], path: tuple[str, ...], *, depth: int) -> Iterator[Key]:
    """Below a key: its own keys, those of each item of a list, and those of each named entry of a map."""
    if depth > 6:
        return
    if "properties" in value:
        yield from _keys(schema, value, path)
    for choice in value.get("anyOf", []) + value.get("oneOf", []):
        inner = _resolved(schema, choice)
        kind = inner.get("properties", {}).get("kind", {}).get("const")
        yield from _inner(schema, inner, (*path[:-1], f"{path[-1]}({kind})") if kind else path, depth=depth)
    if isinstance(value.get("items"), Mapping):
        yield from _inner(schema, _resolved(schema, value["items"]), (*path[:-1], f"{path[-1]}[]"), depth=depth)
    if isinstance(value.get("additionalProperties"), Mapping):
        yield from _inner(schema, _resolved(schema, value["additionalProperties"]), (*path, "NAME"), depth=depth + 1)


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    name = part.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = schema["$defs"][name] if name else part
    return found


def _form(schema: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """As in duration, text, list of text."""
    part = _resolved(schema, part)
    if "enum" in part or "const" in part:
        return " \\| ".join(f"`{one}`" for one in part.get("enum", [part.get("const")]))
    choices = part.get("anyOf", []) + part.get("oneOf", [])
    if choices:
        return " or ".join(dict.fromkeys(_form(schema, one) for one in choices if one.get("type") != "null"))
    if part.get("type") == "array":
        return f"list of {_form(schema, part.get('items', {}))}"
    example = part.get("examples", [None])[0]
    plain = {
        "object": "map",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
    }
    return f"such as `{example}`" if example else plain.get(str(part.get("type", "")), "any")


def _meaning(value: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    text = str(raw.get("description") or value.get("description") or "")
    return " ".join(text.split()).replace("|", "\\|")


def pages() -> dict[str, str]:
    return {"commands.md": commands_page(), "configuration.md": configuration_page()}


def main(argv: list[str], folder: Path) -> int:
    wrong = []
    for name, text in pages().items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        wrong.append(name)
        if "--check" not in argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if wrong and "--check" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path("docs/reference")))
