"""releaser adopt: take what runs now as the stable release."""

import click

from releaser.cli.options import VERSION, verb
from releaser.cli.run import Reply, Run


@verb(short_help="take what runs now as the stable release; no traffic moves")
@click.option("--version", metavar="V", type=VERSION, help="What it is called; else as it says itself.")
def command(run: Run, version: str | None) -> Reply:
    """Record what runs now as the stable release. No traffic moves.

    From then on it can be gone back to.
    """
    from releaser.cli.adopting import adopt

    return adopt(run, version)
