"""How is a release followed that another machine drives? By what its routers say, a line a change; it changes nothing."""

from typing import TYPE_CHECKING

from releaser.cli.answer import Answer
from releaser.cli.exits import Family, code_of
from releaser.cli.lines import Line, line
from releaser.cli.narrate import HEARTBEAT
from releaser.cli.render import clock_time
from releaser.cli.run import Reply, Run
from releaser.cli.views.names import version_of
from releaser.core.phrases import say_split
from releaser.core.values import Outcome
from releaser.ports import LedgerState

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["watched_from_afar"]

EVERY = 2.0


def watched_from_afar(run: Run, session: "Session", family: Family = "forward") -> Reply:
    """Until no router holds a lease any more, or this command's patience ends. Ctrl-C only stops watching."""
    deadline = None if run.options.timeout is None else run.now() + run.options.timeout
    shown, told, rollout = "", run.now(), ""
    try:
        while True:
            ledgers = session.observe().ledgers
            rollout = next((one.holder.rollout for one in ledgers.values() if one.holder), rollout)
            if ledgers and not any(one.holder for one in ledgers.values()):
                return _over(session.name, list(ledgers.values()), rollout, family)
            now = "; ".join(f"{name}: {say_split(one.split, version_of)}" for name, one in sorted(ledgers.items()))
            if now != shown or run.now() - told >= HEARTBEAT:
                shown, told = now, run.now()
                run.note(_said(run, now))
            if deadline is not None and run.now() >= deadline:
                return _goes_on(session.name, rollout, "the time to watch is over; the release goes on")
            run.pause(EVERY)
    except KeyboardInterrupt:
        return _goes_on(session.name, rollout, "you stopped watching; the release goes on")


def _said(run: Run, routers: str) -> Line:
    return line(clock_time(run.now()), "  ", routers or "no router answers")


def _goes_on(environment: str, rollout: str, why: str) -> Reply:
    exit_code = code_of("forward", Outcome.RUNNING)
    return Reply(
        Answer(Outcome.RUNNING, exit_code, why, "timeout", environment, rollout=rollout or None), lines=(line(why),)
    )


def _over(environment: str, ledgers: list[LedgerState], rollout: str, family: Family) -> Reply:
    """How it ended, as the routers' ledgers have it."""
    ends = {one.settled[1] for one in ledgers if one.settled and (not rollout or one.settled[0] == rollout)}
    current = ledgers[0].current
    outcome, why = Outcome.INCOMPLETE, "the routers do not agree how it ended, or their timers took it back"
    if ends == {"committed"}:
        outcome, why = Outcome.PROMOTED, f"{current} answers everywhere"
    elif ends == {"reverted"}:
        outcome, why = Outcome.ROLLED_BACK, f"back on {current}"
    elif ends == {"cancelled"}:
        outcome, why = Outcome.CANCELLED, f"it ended before any traffic was shifted; {current} answers"
    answer = Answer(outcome, code_of(family, outcome), why, "", environment, current, rollout=rollout or None)
    return Reply(answer, lines=(line(why),))
