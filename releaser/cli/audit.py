"""releaser audit verify: was the journal edited or cut?"""

import click

from releaser.cli.options import common, verb
from releaser.cli.run import Reply, Run


@click.group(short_help="check that the journal was not edited or cut", no_args_is_help=True)
@common
def command() -> None:
    """Check that the journal of this machine was not edited or cut."""


@verb(short_help="check the whole chain")
def verify(run: Run) -> Reply:
    """Read the whole journal and check each row against the one before.

    Exit: 0 all is well, 6 where it was edited, cut or reordered.
    """
    from releaser.cli.journaling import checked

    return checked(run)


command.add_command(verify, "verify")
