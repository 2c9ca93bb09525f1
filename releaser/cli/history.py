"""releaser history: the releases so far, and what was done beside them."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="the releases so far")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many, the latest first."
)
def command(run: Run, limit: int) -> Reply:
    """List the releases that this machine's journal knows, the latest first.

    What `recover` and `adopt` did beside them stands there too.
    With -e those of one environment.
    """
    from releaser.cli.answer import done
    from releaser.cli.records import opened
    from releaser.cli.views.history import history_lines, summary_document

    environment = run.options.environment or run.environ.get("RELEASER_ENV") or None
    with opened(run.environ) as journal:
        found = journal.rollouts(environment, limit, upkeep=True)
    answer = done(environment or "", f"{len(found)} releases")
    return Reply(answer, {"history": [summary_document(one) for one in found]}, tuple(history_lines(found)))
