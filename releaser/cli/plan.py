"""releaser plan: what promote would do."""

from pathlib import Path

import click

from releaser.cli.options import VERSION, flag, verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser plan 1.4.2 -e production
  releaser plan 1.4.2 -e production --save plan.json

\b
Exit: 0, 6 where promote would be refused, 10 where --detailed-exitcode is
given and something would change.
"""


@verb(epilog=EPILOG, short_help="what promote would do, what it can see, and the way back")
@click.argument("version", type=VERSION)
@click.option("--playbook", metavar="NAME", help="Another playbook than the environment's.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it as JSON, for promote --plan.",
)
@flag("--offline", "Check files only; ask no host.")
@flag("--detailed-exitcode", "Exit 10 where something would change.")
@flag("--stable-is-down", "As promote would be told.")
@flag("--retry-bad", "As promote would be told.")
@flag("--unfreeze", "As promote would be told.")
def command(
    run: Run, version: str, save: Path | None, offline: bool, detailed_exitcode: bool, **flags: object
) -> Reply:
    """Show what promote VERSION would do, and change nothing.

    Steps and their times, what each step can see at today's traffic, and the
    way back with its measured time. A plan that would be unsafe is refused
    here, with the reason and the remedy.
    """
    from releaser.cli.planning import planned, planned_offline
    from releaser.cli.promotion import Wanted

    wanted = Wanted(version=version, **flags)  # type: ignore[arg-type]  # click's types are those of the fields
    if offline:
        return planned_offline(run, wanted)
    return planned(run, wanted, save=save, detailed=detailed_exitcode)
