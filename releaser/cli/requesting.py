"""How does a person's word reach a running release, here or elsewhere, and what came of it?"""

from typing import TYPE_CHECKING

from releaser.cli.afar import watched_from_afar
from releaser.cli.answer import Answer, done
from releaser.cli.attach import attached
from releaser.cli.carry import carried
from releaser.cli.exits import REFUSED
from releaser.cli.lines import line
from releaser.cli.run import Reply, Run
from releaser.core.events import Asked, Verb
from releaser.core.values import Outcome
from releaser.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["abort", "request", "step_expected"]


def request(run: Run, verb: Verb, *, expect: str | None = None, to: int | None = None, until: float = 0.0) -> Reply:
    """Ask, and answer with the release's own sentence."""
    session = run.session()
    asked = Asked(verb, session.by, run.options.reason, to=to, step=step_expected(session, expect), until=until)
    answer = session.ask(asked, wait=run.pause)
    running = session.running()
    rollout = running.rollout if running else None
    if answer is None:
        why = "left beside the routers, where the process that runs the release reads it within seconds"
        return Reply(done(session.name, why, Outcome.RUNNING, fix=(f"releaser watch -e {session.name}",)))
    sentence, granted = answer
    if not granted:
        return Reply(Answer(Outcome.REFUSED, REFUSED, sentence, "not-granted", session.name, rollout=rollout))
    outcome = Outcome.RUNNING if running else Outcome.UNCHANGED
    return Reply(done(session.name, sentence, outcome, rollout=rollout))


def step_expected(session: "Session", expect: str | None) -> int | None:
    """RELEASE/STEP of --expect, checked against what runs; the step's index. Raises UsageError, RefusedError."""
    if expect is None:
        return None
    release, slash, step = expect.rpartition("/")
    if not slash or not step.isdecimal() or not 1 <= int(step) <= 100:
        raise UsageError(f"--expect {expect[:60]!r} is not RELEASE/STEP; write for example 1.4.2/2", code="expect")
    running = {state.candidate for state in session.observe().ledgers.values() if state.candidate}
    if not any(release in (one, one.rpartition("-")[0]) for one in running):
        what = ", ".join(sorted(running)) or "no release"
        raise RefusedError(f"{what} runs in {session.name}, not {release[:60]}: nothing was done", code="expect")
    return int(step) - 1


def abort(run: Run, expect: str | None) -> Reply:
    """Traffic back, without a bad mark: by the process that runs the release, or by this one where that is gone."""
    session = run.session()
    step = step_expected(session, expect)
    dead = session.abandoned()
    if dead:
        run.note(line(f"the process that brought {dead[-1].version} is gone: it goes back from here"))
        reason = run.options.reason
        return carried(run, session, lambda show: session.recover(reason=reason, show=show)[-1], "back", live=False)
    running = session.running()
    answer = session.ask(Asked("abort", session.by, run.options.reason, step=step), wait=run.pause)
    if answer is None:
        run.note(line("asked the machine that runs the release; waiting for its routers"))
        return watched_from_afar(run, session, "back")
    sentence, granted = answer
    if not granted:
        return Reply(Answer(Outcome.REFUSED, REFUSED, sentence, "not-granted", session.name))
    return _gone_back(run, session, running.rollout) if running else Reply(done(session.name, sentence))


def _gone_back(run: Run, session: "Session", rollout: str) -> Reply:
    """What was asked for is done, also where no traffic had been shifted yet."""
    from dataclasses import replace

    reply = attached(run, session, rollout, "back")
    if reply.answer.outcome is Outcome.CANCELLED:
        return replace(reply, answer=replace(reply.answer, exit=0))
    return reply
