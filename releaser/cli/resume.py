"""releaser resume: end a pause or a hold."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="end a pause or a hold")
@click.option("--expect", metavar="RELEASE/STEP", help="Only if this is what runs, such as 1.4.2/2.")
def command(run: Run, expect: str | None) -> Reply:
    """End a pause or a hold; the release goes on from where it stands."""
    from releaser.cli.requesting import request

    return request(run, "resume", expect=expect)
