"""releaser journal: copy, check, put back and shorten what this machine knows of its releases."""

from pathlib import Path

import click

from releaser.cli.options import DURATION, common, flag, verb
from releaser.cli.run import Reply, Run

FILE = click.Path(path_type=Path, dir_okay=False)
EPILOG = """\b
Examples:
  releaser journal backup journal-monday.db
  releaser journal verify
  releaser journal restore journal-monday.db
  releaser journal prune --older-than 90d
"""


@click.group(short_help="back up, check, restore and shorten the journal", no_args_is_help=True, epilog=EPILOG)
@common
def command() -> None:
    """Look after the journal: what this machine knows of its releases.

    A rollback needs none; nothing goes forward without one that holds.
    """


@verb(short_help="a checked copy in a new file, while releases go on")
@click.argument("file", type=FILE)
def backup(run: Run, file: Path) -> Reply:
    """Copy the journal to the new FILE and check the copy.

    Releases go on meanwhile. FILE must not exist.
    """
    from releaser.cli.journaling import back_up

    return back_up(run, file)


@verb(short_help="put a copy back in the journal's place")
@click.argument("file", type=FILE)
@flag("--force", "Also where the present journal knows more than FILE.")
@flag("--as-new", "Go on without the rows that FILE does not have.")
def restore(run: Run, file: Path, force: bool, as_new: bool) -> Reply:
    """Check FILE, a backup, and put it in the journal's place.

    A journal that cannot be read, or knows more, is kept beside it under
    another name. The routers remember how long the journal was: where FILE is
    older than the last release, nothing goes forward unless --as-new says
    that you know. Exit: 6 where FILE does not hold, or --force is needed.
    """
    from releaser.cli.journaling import put_back

    return put_back(run, file, force=force, as_new=as_new)


@verb(short_help="check the whole chain")
def verify(run: Run) -> Reply:
    """Read the whole journal and check each row against the one before.

    Exit: 0 all is well, 6 where it was edited, cut or reordered.
    """
    from releaser.cli.journaling import checked

    return checked(run)


@verb(short_help="forget releases that ended long ago")
@click.option("--older-than", type=DURATION, required=True, metavar="D", help="Such as 90d: since they ended.")
def prune(run: Run, older_than: float) -> Reply:
    """Remove releases that ended longer ago than --older-than.

    A checkpoint stays, from which the chain still holds. One that is open
    keeps what came after it. Asks first; there is no way back but a backup.
    """
    from releaser.cli.journaling import shorten

    return shorten(run, older_than)


for one in (backup, restore, verify, prune):
    command.add_command(one)
