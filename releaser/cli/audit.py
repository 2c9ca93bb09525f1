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
    from releaser.cli.answer import Answer, done
    from releaser.cli.exits import REFUSED
    from releaser.cli.records import opened
    from releaser.core.values import Outcome

    with opened(run.environ) as journal:
        problems = list(journal.verify())
        name, length, head = journal.head()
    data = {"journal": {"id": name, "length": length, "head": head, "path": str(journal.path)}, "problems": problems}
    if problems:
        fix = ("restore a backup of the journal; a rollback needs none",)
        why = f"the journal {journal.path} was damaged: {'; '.join(problems)}"
        return Reply(Answer(Outcome.REFUSED, REFUSED, why, "journal", fix=fix), data)
    return Reply(done("", f"{length} events, each as it was written; the head is {head[:16]}"), data)


command.add_command(verify, "verify")
