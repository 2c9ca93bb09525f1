"""releaser abort: traffic back, without a bad mark."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="traffic back; the version is not marked bad")
@click.option("--expect", metavar="RELEASE/STEP", help="Only if this is what runs, such as 1.4.2/2.")
def command(run: Run, expect: str | None) -> Reply:
    """Take a running release back, wait until it is back, and mark nothing.

    Where nothing runs there is nothing to do. A release whose process died
    goes back from here.
    """
    from releaser.cli.requesting import abort

    return abort(run, expect)
