"""releaser unfreeze: lift a freeze."""

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="lift a freeze")
def command(run: Run) -> Reply:
    """Lift the freeze of an environment. Needs --reason."""
    from releaser.cli.freezing import unfreeze

    return unfreeze(run)
