"""Which release does `watch` follow?"""

from typing import TYPE_CHECKING

from releaser.cli.afar import watched_from_afar
from releaser.cli.answer import done
from releaser.cli.attach import attached
from releaser.cli.looking import names_here
from releaser.cli.records import opened
from releaser.cli.run import Reply, Run
from releaser.cli.together import watch_together

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["watch", "watch_one"]


def watch(run: Run) -> Reply:
    """The release that runs here; several together. The worst ending is the answer."""
    names = _worth_opening(run, names_here(run))
    if len(names) > 1:
        reply = watch_together(run, [run.open(name) for name in names])
    else:
        reply = watch_one(run, run.session(names[0])) if names else None
    if reply is None:
        return Reply(done(run.options.environment or "", "no release is running", fix=("releaser history",)))
    return reply


def _worth_opening(run: Run, names: tuple[str, ...]) -> list[str]:
    """Of several environments only those in which this machine's journal knows an open release."""
    if len(names) == 1:
        return list(names)
    with opened(run.environ) as journal:
        return [name for name in names if journal.open_rollouts(name)]


def watch_one(run: Run, session: "Session") -> Reply | None:
    """None: nothing runs there."""
    running = session.running()
    if running is not None:
        return attached(run, session, running.rollout)
    held = any(one.holder and one.holder.left > 0 for one in session.observe().ledgers.values())
    return watched_from_afar(run, session) if held else None
