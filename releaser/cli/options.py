"""Which options do all verbs share? Allowed before and after the verb; the one after it wins."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from releaser.cli.run import Run

__all__ = ["DURATION", "VERSION", "Duration", "common", "flag", "verb"]

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
OUTPUTS = ("table", "json", "jsonl", "yaml")


class Duration(click.ParamType[float]):
    """Seconds of 250ms, 30s, 10m, 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = DURATION_FORM.fullmatch(str(value))
        if found is None:
            self.fail(f"{str(value)[:40]!r} is not a duration; write a number with its unit: 30s, 10m, 2h", param, ctx)
        return float(found[1]) * UNITS[found[2]]


class Version(click.ParamType[str]):
    """A version or release id: refused here before anything is read."""

    name = "version"
    form = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+]*(?:-[A-Za-z0-9._+]+)*")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if len(value) > 80 or not self.form.fullmatch(value):
            self.fail(
                f"{value[:40]!r} is not a version; use letters, digits, '.', '_', '+' and '-', "
                "starting with a letter or digit",
                param,
                ctx,
            )
        return str(value)


DURATION = Duration()
VERSION = Version()


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Hand the value to the run's options, if it was given."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        run = ctx.find_root().obj
        if value is None or value is False or value in ((), 0) or not isinstance(run, Run) or ctx.resilient_parsing:
            return
        if name == "settings":
            value = (*run.options.settings, *value)
        setattr(run.options, name, value)

    return callback


def _environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    names = sorted(path.stem for path in Path("environments").glob("*.yaml") if path.stem != "base")
    return [name for name in names if name.startswith(incomplete)]


def _option(*names: str, to: str, **more: Any) -> Callable[[Any], Any]:
    return click.option(*names, expose_value=False, callback=_set(to), **more)


COMMON = (
    _option(
        "-e", "--env", to="environment", metavar="ENV", shell_complete=_environments,
        help="The environment; not needed where there is only one.",
    ),
    _option("-o", "--output", to="output", type=click.Choice(OUTPUTS), metavar="FORMAT",
        help="table, json, jsonl (an event a line) or yaml."),
    _option("-y", "--yes", to="yes", is_flag=True, help="Yes to every confirmation; never an approval."),
    _option("--reason", to="reason", metavar="TEXT", help="Why; it stands in the journal."),
    _option("--timeout", to="timeout", type=DURATION, metavar="D", help="How long this command waits, such as 20m."),
    _option("--set", to="settings", multiple=True, metavar="KEY=VALUE", help="Change a value of the environment."),
    _option(
        "--folder", to="folder", metavar="DIR", help="Where environments/ is; here if not given.",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
    ),
    _option("--no-color", to="color", flag_value=False, default=None, type=bool, help="As NO_COLOR: no colours."),
    _option("-v", "--verbose", to="verbose", count=True, help="More; twice with tracebacks."),
)  # fmt: skip


def common(command: Any) -> Any:
    """The shared options, for a group."""
    for option in reversed(COMMON):
        command = option(command)
    return command


class VerbCommand(click.Command):
    """A verb: its own options first, those that all verbs share below them."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        shared: Any = common(lambda: None)
        self.shared: list[click.Parameter] = list(reversed(shared.__click_params__))
        self.params += self.shared

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [one for one in self.get_params(ctx) if one not in self.shared]
        for title, parameters in (("Options", own), ("Shared by all verbs", self.shared)):
            records = [record for one in parameters if (record := one.get_help_record(ctx)) is not None]
            with formatter.section(title):
                formatter.write_dl(records, col_max=24)


def verb(**settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A click command with the shared options, whose function gets the Run first."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        context = {"help_option_names": ["-h", "--help"], "max_content_width": 80}
        made = click.command(context_settings=context, cls=VerbCommand, **settings)
        return made(click.pass_obj(function))

    return decorate


def flag(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, is_flag=True, help=text)
