"""From what was asked for to a release under way: wait, take over, supersede, attach, ask, begin, or say why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from releaser.cli.answer import Answer, done, of_refusals
from releaser.cli.attach import attached
from releaser.cli.carry import carried, narrated
from releaser.cli.exits import LOCK_HELD
from releaser.cli.lines import line
from releaser.cli.run import Reply, Run
from releaser.cli.traffic import sights_of
from releaser.cli.views.plan import plan_screen, refusal_lines
from releaser.cli.views.secrets import changed_secrets
from releaser.config.observed import Refusal, Refusals, Unchanged, Underway
from releaser.core import events as e
from releaser.core.codec import plan_digest
from releaser.core.phrases import say_seconds
from releaser.core.plan import Plan
from releaser.core.values import Outcome

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Wanted", "promote"]

LOOK_AGAIN = 2.0
SAY_SO = 30.0
"""Seconds between two lines of a command that waits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for. Seconds."""

    version: str
    digest: str | None = None
    secrets: Mapping[str, Any] = field(default_factory=dict)
    """Reference -> version, as the plan that is asked for says."""
    playbook: str | None = None
    wait_lock: float | None = None
    supersede: bool = False
    stable_is_down: bool = False
    retry_bad: bool = False
    unfreeze: bool = False
    detach: bool = False
    attached_to: str | None = None


def promote(run: Run, wanted: Wanted) -> Reply:
    session = run.session()
    if wanted.detach:
        from releaser.cli.detach import check_may_detach

        check_may_detach(run.environ, session.environment.vault)
    deadline = run.now() + (wanted.wait_lock or 0.0)
    told = float("-inf")
    while True:
        reply = _attempt(run, session, wanted)
        if reply.answer.reason not in LOCK_HELD or run.now() >= deadline:
            return reply
        if run.now() - told >= SAY_SO:
            told = run.now()
            run.note(line(f"waiting for {say_seconds(deadline - told)} at most: {reply.answer.message}"))
        run.pause(LOOK_AGAIN)


def _attempt(run: Run, session: "Session", wanted: Wanted) -> Reply:
    """One try from the beginning; a lock that is held may be free at the next."""
    _clear_the_dead(run, session)
    plan = _planned(session, wanted)
    if isinstance(plan, Refusals) and wanted.supersede and _held(plan):
        _supersede(run, session, wanted)
        plan = _planned(session, wanted)
    match plan:
        case Unchanged():
            running = plan.release or ""
            return Reply(done(session.name, plan.why, release=running, version=wanted.version, fix=plan.fix))
        case Underway():
            return _joined(run, session, plan, wanted)
        case Refusals():
            return refused(session.name, wanted.version, plan)
        case Plan():
            return _begin(run, session, plan, wanted)


def refused(environment: str, version: str, refusals: Refusals) -> Reply:
    answer = of_refusals(environment, refusals.items, version=version)
    return Reply(answer, lines=tuple(refusal_lines(environment, version, refusals.items)))


def _planned(session: "Session", wanted: Wanted) -> Plan | Refusals | Unchanged | Underway:
    return session.plan(
        wanted.version,
        playbook=wanted.playbook,
        retry_bad=wanted.retry_bad,
        unfreeze=wanted.unfreeze,
        stable_is_down=wanted.stable_is_down,
    )


def _held(refusals: Refusals) -> bool:
    return any(one.code in LOCK_HELD for one in refusals.items)


def _clear_the_dead(run: Run, session: "Session") -> None:
    """A release whose process died goes back before another one starts."""
    from releaser.engine.session import Show

    with narrated(run, session.past, live=False) as narrator:
        for rollout in session.clear_the_way(Show((narrator,), notice=narrator.say)):
            run.note(
                line(f"{rollout.plan.to.version} was left in the middle by a process that died; it went back first")
            )


def _supersede(run: Run, session: "Session", wanted: Wanted) -> None:
    """The running release goes back: its own process is asked, and where that does not answer the fence is raised."""
    why = run.options.reason or f"superseded by {wanted.version}"
    running = session.running()
    session.ask(e.Asked("supersede", session.by, why), wait=run.pause)
    if running is not None:
        run.note(line(f"{running.version} goes back first: {why}"))
        attached(run, session, running.rollout, "back")
    plan = session.plan_rollback(mark_bad=False, freeze=0.0, calling_off=True)
    if isinstance(plan, Plan) and running is None:
        carried(run, session, lambda show: session.drive(plan, reason=why, show=show), "back", live=False)


def _joined(run: Run, session: "Session", underway: Underway, wanted: Wanted) -> Reply:
    """A release that is alive brings this very release: follow it, where its journal is."""
    known = session.journal.rollout(underway.rollout)
    if known is not None and known.outcome is not None:
        why = f"a release of {wanted.version} by {underway.holder} has just ended ({known.outcome}), and its lease is not over yet"
        again = (
            f"releaser promote {wanted.version} -e {session.name} --wait-lock 1m",
            f"releaser status -e {session.name}",
        )
        return refused(session.name, wanted.version, Refusals((Refusal("lock-held", why, again),)))
    run.note(line(f"{underway.holder} brings {wanted.version} already: watching it"))
    if known is not None:
        return attached(run, session, underway.rollout)
    from releaser.cli.afar import watched_from_afar

    return watched_from_afar(run, session)


def _begin(run: Run, session: "Session", plan: Plan, wanted: Wanted) -> Reply:
    digest = plan_digest(plan)
    if wanted.digest is not None and not digest.startswith(wanted.digest):
        why = (
            f"what is observed has changed since this plan was made: it is {digest[:16]} now, not {wanted.digest[:16]}"
        )
        rotated = changed_secrets(wanted.secrets, session.secrets.versions)
        why += f"; {rotated}" if rotated else ""
        again = (f"releaser plan {wanted.version} -e {session.name}",)
        return refused(session.name, wanted.version, Refusals((Refusal("outdated", why, again),)))
    if not run.machine:
        run.note(*plan_screen(plan, sights_of(run, session, plan), session.environment, session.secrets))
    if (
        run.asks
        and not run.options.yes
        and not run.confirm(f"Bring {wanted.version} to {session.name}?", without="promote")
    ):
        return Reply(Answer(Outcome.CANCELLED, 130, "not begun; nothing was changed", "declined", session.name))
    if wanted.detach:
        from releaser.cli.detach import detached

        return detached(run, session, plan, wanted)
    return carried(
        run,
        session,
        lambda show: session.drive(plan, reason=run.options.reason, show=show, timeout=run.options.timeout),
        "forward",
    )
