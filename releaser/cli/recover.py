"""releaser recover: take over a release whose process died."""

from releaser.cli.options import flag, verb
from releaser.cli.run import Reply, Run
from releaser.errors import UsageError

EPILOG = """\b
Exit: as promote's; 0 where there is nothing to recover, 1 where a host that
answers cannot come to the committed release, 7 where the process of the
release is alive.
"""


@verb(epilog=EPILOG, short_help="take over a release whose process died")
@flag("--back", "Go back (the default).")
@flag("--finish", "Go on at the same step, on fresh evidence; needs --reason.")
def command(run: Run, *, back: bool, finish: bool) -> Reply:
    """Take over a release whose process died. It goes back, unless --finish.

    What the routers show is read first; nothing that was seen before the
    crash is believed. Where no release was left in the middle, hosts and
    routers that were away come to what was committed without them.
    """
    from releaser.cli.recovering import recover

    if back and finish:
        raise UsageError("--back and --finish exclude each other; choose one", code="usage")
    if finish and not run.options.reason:
        raise UsageError("--finish needs a --reason; it stands in the journal", code="no-reason")
    return recover(run, finish=finish)
