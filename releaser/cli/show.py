"""releaser show: the story of one release."""

from dataclasses import replace

import click

from releaser.cli.options import VERSION, verb
from releaser.cli.run import Reply, Run


@verb(short_help="the story of one release")
@click.argument("release", type=VERSION)
def command(run: Run, release: str) -> Reply:
    """Tell the story of one release: a rollout, a release id or a version.

    -v shows every event, intents too.
    """
    from releaser.cli.answer import of_rollout
    from releaser.cli.records import found, opened
    from releaser.cli.views.ending import request_lines
    from releaser.cli.views.history import documents_of, story_lines
    from releaser.cli.views.names import names_of
    from releaser.core.fold import replay

    with opened(run.environ) as journal:
        summary = found(journal, release, run.options.environment)
        entries = journal.read(summary.rollout)
    rollout = replay(entries)
    answer = of_rollout(rollout, "back", wall=entries[-1].moment.wall)
    lines = story_lines(entries, summary, everything=run.options.verbose > 0)
    lines += request_lines(rollout, *names_of(rollout.plan))
    return Reply(replace(answer, exit=0), {"events": documents_of(entries)}, tuple(lines))
