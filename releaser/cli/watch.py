"""releaser watch: follow a running release to its end."""

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Exit: as promote's; 8 where --timeout is over or you stop watching and the
release goes on, 0 where nothing runs.
"""


@verb(epilog=EPILOG, short_help="follow a running release to its end")
def command(run: Run) -> Reply:
    """Follow a running release to its end.

    Without -e all that run here, together. Ctrl-C stops watching and never
    touches a release.
    """
    from releaser.cli.watching import watch

    return watch(run)
