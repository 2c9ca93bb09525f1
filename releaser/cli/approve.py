"""releaser approve: say yes to the step that waits for a person."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="say yes to the step that waits for a person")
@click.option("--expect", metavar="RELEASE/STEP", help="Only if this is what runs, such as 1.4.2/2.")
def command(run: Run, expect: str | None) -> Reply:
    """Say yes to the step that waits for a person.

    -y is no approval: this verb is.
    """
    from releaser.cli.requesting import request

    return request(run, "approve", expect=expect)
