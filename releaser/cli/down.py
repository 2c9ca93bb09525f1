"""releaser down: stop an environment on this machine."""

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser down -e local
  releaser rollback -e local --to VERSION     starts it again
"""


@verb(epilog=EPILOG, short_help="stop what releaser runs for an environment on this machine")
def command(run: Run) -> Reply:
    """Stop what releaser started for an environment on this machine.

    Slots end gracefully, then its router; their systemd units are disabled.
    Releases, logs and the journal stay. Refused (6) for hosts elsewhere, and (7) while a release runs.
    """
    from releaser.cli.stopping import down

    return down(run)
