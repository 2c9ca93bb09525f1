# ruff: noqa: ARG002 - click hands every hook its context
"""How is a verb found and the help laid out? A click group that imports a verb's module only when it is used."""

import importlib
from difflib import get_close_matches

import click

from releaser.cli.verbs import SECTIONS, VERBS

__all__ = ["LazyGroup"]

NAMES = max(map(len, VERBS))
COMMONEST = (
    ("releaser plan 1.4.2 -e production", "look before"),
    ("releaser promote 1.4.2 -e production", "release"),
    ("releaser rollback -e production", "go back"),
)


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command = importlib.import_module(verb.path).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{verb.path}.command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS:
            close = get_close_matches(name, VERBS, n=1, cutoff=0.5)
            hint = f"did you mean `releaser {close[0]}`?" if close else "`releaser --help` lists the verbs."
            ctx.fail(f"there is no verb {name[:60]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(verb.name.ljust(NAMES), verb.help) for verb in verbs])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("The three commonest"):
            formatter.write_dl(COMMONEST, col_max=40)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Verbs before options: that is what a person looks for."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_commands(ctx, formatter)
        self.format_own_options(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_own_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                records.append(record)
        with formatter.section("Options, also after the verb"):
            formatter.write_dl(records, col_max=22)
