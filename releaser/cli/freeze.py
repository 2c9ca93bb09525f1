"""releaser freeze: let no release go forward."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="let no release go forward; rollbacks still do")
@click.option("--until", metavar="TIME", help="A time (2026-01-02T08:00) or a duration (2h).")
@click.option("--allow", multiple=True, metavar="PLAYBOOK", help="This playbook may go on; repeatable.")
def command(run: Run, until: str | None, allow: tuple[str, ...]) -> Reply:
    """Let no release go forward in an environment. Needs --reason.

    Rollbacks still work. Without --until it lasts until somebody lifts it.
    """
    from releaser.cli.freezing import freeze

    return freeze(run, until, allow)
