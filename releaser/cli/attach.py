"""How does one command follow a release that another process drives? By the journal of this machine; it changes nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from releaser.cli.answer import Answer, of_rollout
from releaser.cli.carry import ended, narrated
from releaser.cli.exits import Family, code_of
from releaser.cli.follow import Following
from releaser.cli.lines import line
from releaser.cli.run import Reply, Run
from releaser.core.events import Entry
from releaser.core.values import Outcome
from releaser.errors import JournalUnavailableError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["DEAD", "POLL", "QUIET", "attached", "concluded", "news"]

POLL = 0.1
QUIET = 20.0
"""Seconds without an event after which the routers are asked whether its process is alive."""


def attached(run: Run, session: "Session", rollout: str, family: Family = "forward") -> Reply:
    """Until the release is over, this command's patience ends, or its process is found dead. Ctrl-C only stops watching."""
    deadline = None if run.options.timeout is None else run.now() + run.options.timeout
    why = ""
    with narrated(run, session.past) as narrator:
        following = Following()
        try:
            why = _follow(run, session, rollout, following, narrator.tell, deadline)
        except KeyboardInterrupt:
            why = "you stopped watching; the release goes on"
    return concluded(run, session, rollout, following, why, family)


def concluded(run: Run, session: "Session", rollout: str, following: Following, why: str, family: Family) -> Reply:
    """How it ended, or why it is not followed any more."""
    state = following.rollout
    if state is None:
        return Reply(Answer(Outcome.ERROR, 1, f"the journal has no release {rollout}", "unknown", session.name))
    if state.finished:
        return ended(run, following, state, family)
    if why == DEAD:
        fix = (f"releaser recover -e {session.name}",)
        return Reply(Answer(Outcome.ERROR, 1, why, "orchestrator-dead", session.name, rollout=rollout, fix=fix))
    outcome = Outcome.HELD if state.held else Outcome.RUNNING
    answer = of_rollout(state, family, wall=run.now())
    exit_code = code_of("forward", Outcome.HELD if outcome is Outcome.HELD else Outcome.RUNNING)
    return Reply(
        Answer(outcome, exit_code, why, answer.reason, session.name, answer.release, answer.version, answer.origin,
               answer.plan_digest, rollout, answer.step, fix=(f"releaser watch -e {session.name}",)),
        lines=(line(why),),
    )  # fmt: skip


DEAD = "the process that ran this release is gone; each router goes back by its own timer"


def _follow(
    run: Run,
    session: "Session",
    rollout: str,
    following: Following,
    tell: Callable[[Entry], None],
    deadline: float | None,
) -> str:
    """Why it stopped before the end; empty: the release is over."""
    heard = run.now()
    while not (following.rollout and following.rollout.finished):
        if deadline is not None and run.now() >= deadline:
            return "the time to watch is over; the release goes on"
        for entry in news(session, rollout, following.rollout.seq if following.rollout else -1):
            following.take(entry)
            tell(entry)
            heard = run.now()
        if run.now() - heard > QUIET:
            if any(summary.rollout == rollout for summary in session.abandoned()):
                return DEAD
            heard = run.now()
        run.pause(POLL)
    return ""


def news(session: "Session", rollout: str, seen: int) -> Sequence[Entry]:
    """Entries after number `seen`. A journal that is busy with a commit is asked again the next time."""
    try:
        return session.journal.tail(rollout, seen)
    except JournalUnavailableError:
        return ()
