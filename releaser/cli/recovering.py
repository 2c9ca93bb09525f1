"""What is there to recover, and from where?"""

from typing import TYPE_CHECKING

from releaser.cli.bringing_back import brought_back
from releaser.cli.carry import carried
from releaser.cli.going_back import go_back
from releaser.cli.lines import line
from releaser.cli.run import Reply, Run
from releaser.engine.behind import is_repair
from releaser.errors import HeldError, RefusedError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["recover"]


def recover(run: Run, *, finish: bool) -> Reply:
    session = run.session()
    if session.abandoned():
        reason = run.options.reason
        return carried(
            run, session, lambda show: session.recover(finish=finish, reason=reason, show=show)[-1], "forward"
        )
    ledgers = session.observe().ledgers.values()
    alive = next((one.holder for one in ledgers if one.holder and one.holder.left > 0), None)
    if alive is not None:
        raise HeldError(
            f"{alive.name} runs this release and is alive; there is nothing to take over",
            fix=(f"releaser watch -e {session.name}", f"releaser abort -e {session.name}"),
        )
    if any(one.candidate is not None and not is_repair(one) for one in ledgers):
        return _from_the_ledgers(run, session, finish=finish)
    return brought_back(run, session)


def _from_the_ledgers(run: Run, session: "Session", *, finish: bool) -> Reply:
    """Another machine's release: its journal is not here, the way back needs none."""
    if finish:
        raise RefusedError(
            "the journal of this release is on another machine, so it can only go back from here",
            fix=(f"releaser recover -e {session.name}", "run --finish on the machine that began it"),
            code="no-journal",
        )
    run.note(line("the journal of this release is elsewhere: going back by what the routers remember"))
    return go_back(run, session, to=None, mark_bad=False, freeze=0.0, calling_off=True)
