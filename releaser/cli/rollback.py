"""releaser rollback: back to the last good release, at once."""

import click

from releaser.cli.options import VERSION, flag, verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser rollback -e production
  releaser rollback -e production --list
  releaser rollback -e production --to 1.4.0 --reason "OPS-31"

\b
Exit: 0 back and read back, or nothing to do; 5 incomplete or over the
budget; 6 no such release, or no way back.
"""


@verb(epilog=EPILOG, short_help="go back to the last good release, at once")
@click.option("--to", metavar="RELEASE", type=VERSION, help="A release or version that was good here.")
@flag("--list", "Show where it could go; change nothing.")
@flag("--not-bad", "Do not mark the version as bad.")
def command(run: Run, to: str | None, *, list: bool, not_bad: bool) -> Reply:  # noqa: A002 - the option's name
    """Go back to the last good release, and read it back on every router.

    It never asks, waits for no lease, works while the environment is frozen,
    and pre-empts a running release. The version is marked bad and the
    environment frozen for a while, so that CI does not put it back.
    """
    from releaser.cli.going_back import choices_of, go_back

    session = run.session()
    return choices_of(session) if list else go_back(run, session, to=to, mark_bad=not not_bad)
