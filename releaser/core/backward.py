"""The way back, one function a phase: traffic first, then the ledgers, then the processes; and where a crash left off."""

import math
from collections.abc import Callable, Iterable

from releaser.core import events as e
from releaser.core.commands import Acquire, CheckHealth, Look, Settle, Settlement, Shift
from releaser.core.decision import (
    HOME_GENERATION,
    Decision,
    collect_everywhere,
    generation_of,
    missing_starts,
    stop_everywhere,
    turn_back,
)
from releaser.core.draining import drained
from releaser.core.rollout import Phase, Rollout
from releaser.core.silence import home_by, left_silent, only_silent_ones_left
from releaser.core.values import Outcome
from releaser.core.watch import Watch

__all__ = ["BACK"]

PATIENCE_LOOKING = 10.0
"""Seconds that a recovery waits for a router that does not answer, before it goes on with the others."""

PATIENCE_SETTLING = 10.0
"""Seconds for the routers which are home to take down how it ended, and for hosts to keep what they go back to, before it ends
without the silent ones."""

HURRIED = 1.0
"""Seconds between two probes of a release that is started to go back to: users wait for it, and the budget runs."""


def _raising(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    d.need(r, Acquire(force=True), now)
    _alarm(d, r, now)
    if now >= _give_up_at(r):
        d.record.append(e.Finished(Outcome.INCOMPLETE, "no router could be reached"))


def _looking(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """After a crash: read the world back first. What another rollout took over meanwhile is not ours to touch."""
    unread = [name for name in r.routers() if name not in r.looked and name not in r.lost]
    if unread and now < r.since + PATIENCE_LOOKING:
        for name in unread:
            d.ask(watch, Look(name), 1.0, now)
        d.record.extend(seen for name, seen in watch.drifted.items() if name in unread)
        d.wake(r.since + PATIENCE_LOOKING)
        return
    strange = [name for name, seen in r.looked.items() if seen.owner != r.id and name not in r.lost]
    if strange:
        d.record.extend(e.Lost(name, f"{r.looked[name].owner or 'nobody'} took it since") for name in strange)
    elif all(name in r.lost for name in r.routers()):
        d.record.append(turn_back("recovery", "nothing is left to take back: another release took over"))
    elif r.committed:
        stopped = r.plan.origin is None or stop_everywhere(d, r, r.plan.origin, now)
        if stopped and collect_everywhere(d, r, now):
            why = "the commit was complete on every router when the process died"
            d.record.append(e.Finished(Outcome.PROMOTED, why))
    else:
        _take_again(d, r, now)


def _take_again(d: Decision, r: Rollout, now: float) -> None:
    """What is still ours is taken under a new fence, and goes back from there."""
    if r.reached:
        wanted = r.recovered is not None and r.recovered.finish
        more = ", and what the routers show is not its last step any more" if wanted else ""
        d.record.append(turn_back("recovery", f"the process that drove this release died{more}"))
        return
    d.need(r, Acquire(force=True), now)
    give_up = r.since + r.plan.budget.release
    if now >= give_up:
        d.record.append(e.Finished(Outcome.INCOMPLETE, "no router could be reached"))
    else:
        d.wake(give_up)


def _warming(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """A cold way back: the old release is started and answers before traffic goes there. After the limit it goes anyway."""
    for command in missing_starts(r):
        d.need(r, command, now)
    for target in r.plan.targets:
        passes = watch.passes(target.name, r.plan.to.id)
        if passes >= r.plan.health.passes and target.name in r.started:
            d.record.append(e.Ready(target.name, r.plan.to.id, passes))
        elif target.name not in r.ready:
            d.ask(watch, CheckHealth(target.name, r.plan.to.id), min(r.plan.health.every, HURRIED), now)
    _alarm(d, r, now)
    if now >= _give_up_at(r):
        d.record.append(
            e.Finished(Outcome.INCOMPLETE, f"{r.plan.to.id} could not be started again: traffic was not moved")
        )
    d.wake(_give_up_at(r))


def _returning(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """Traffic first: every router back to the goal, each as often as it takes, none waiting for another."""
    goal = r.goal
    assert goal is not None  # noqa: S101 - a rollout without a goal never enters this phase
    generation = generation_of(r.fence, HOME_GENERATION)
    astray = r.astray()
    for name in astray:
        if name in r.reached:
            d.need(r, Shift(name, goal, generation, urgent=True), now)
    if any(name not in r.reached for name in astray):
        d.need(r, Acquire(force=True), now)
    _alarm(d, r, now)
    enough = home_by(r) if only_silent_ones_left(r) else math.inf
    unsettled = sorted(r.reached - set(astray) - r.settled - r.lost)
    if "rollback" in r.alarmed or now >= enough:
        for name in unsettled:
            d.need(r, Settle(name, "reverted", urgent=True), now)
        unsettled += _keep(d, r, now)  # the routers that are home send users to it
    end = _give_up_at(r)
    if now >= enough:
        end = min(end, enough + PATIENCE_SETTLING) if unsettled else now
    if now >= end:
        why = r.turned.why if r.turned else r.reason or f"asked for by {r.by}"
        d.record.append(e.Finished(Outcome.INCOMPLETE, f"{why}; {left_silent(r)}"))
    d.wake(min(end, enough if now < enough else end))


def _alarm(d: Decision, r: Rollout, now: float) -> None:
    over = r.turned_at + r.plan.budget.rollback
    if "rollback" not in r.alarmed:
        if now >= over:
            d.record.append(e.Alarmed("rollback", r.plan.budget.rollback))
        else:
            d.wake(over)


def _give_up_at(r: Rollout) -> float:
    """The attempts outlive the rollback's budget by far: they end with the release's own budget."""
    return r.turned_at + r.plan.budget.rollback + r.plan.budget.release


def _settling(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """Disarm, write the ledgers, stop the candidate. Traffic is home already."""
    if r.back_at is not None and r.back_at - r.turned_at > r.plan.budget.rollback and "rollback" not in r.alarmed:
        d.record.append(e.Alarmed("rollback", r.plan.budget.rollback))
    settlement = _settlement(r)
    held = r.owned if r.plan.kind == "promote" else frozenset(r.routers())
    open_ = sorted(held - r.settled - r.lost)
    for name in open_:
        if name in r.reached:
            d.need(r, Settle(name, settlement, urgent=True), now)
    if any(name not in r.reached for name in open_):
        d.need(r, Acquire(force=True), now)
    open_ += _keep(d, r, now)
    candidate = r.plan.to.id if r.plan.kind == "promote" else r.plan.origin
    quick = r.turned is not None and r.turned.cause == "signal"
    begun = r.started or r.begun or r.plan.kind == "rollback"
    keep = candidate is None or quick or settlement == "committed" or not begun
    keep = keep or bool(r.lost)  # users may still be sent there: whoever took the router stops it
    stopped = keep or stop_everywhere(d, r, candidate or "", now)
    stopped = stopped and (r.plan.kind == "promote" or collect_everywhere(d, r, now))  # or a boot starts what was left
    stopped = (keep or bool(open_) or drained(d, r, watch, candidate or "", now)) and stopped
    if not open_ and stopped:
        d.record.append(_back(r))
    elif open_ and now >= r.since + 3 * r.plan.budget.deadman:
        d.record.append(_back(r, unsettled=open_))
    elif open_:
        d.wake(r.since + 3 * r.plan.budget.deadman)


def _keep(d: Decision, r: Rollout, now: float) -> list[str]:
    """What a rollback went to was only kept warm, and would end by itself some day: a start calls that off."""
    if r.plan.kind == "promote":
        return []
    starts = missing_starts(r)
    for command in starts:
        d.need(r, command, now)
    return [command.target for command in starts]


def _settlement(r: Rollout) -> Settlement:
    if r.plan.again or (r.plan.first and r.touched):
        return "committed"
    return "reverted" if r.touched or r.armed or r.plan.kind == "rollback" or _mark_bad(r) else "cancelled"


def _mark_bad(r: Rollout) -> bool:
    return r.turned.mark_bad if r.turned else False


def _back(r: Rollout, unsettled: Iterable[str] = ()) -> e.Finished:
    """How a way back ends, in one fact."""
    why = r.turned.why if r.turned else r.reason or f"asked for by {r.by}"
    if r.plan.first and r.touched:
        said = ", marked bad" if _mark_bad(r) else ""
        return e.Finished(Outcome.INCOMPLETE, f"no way back: first release ({why}); {r.plan.to.id} still answers{said}")
    if r.back_at is None:
        interrupted = r.turned is not None and r.turned.cause in {"signal", "abort"}
        return e.Finished(Outcome.CANCELLED if interrupted else Outcome.ROLLED_BACK, f"{why}; no traffic was shifted")
    seconds = r.back_at - r.turned_at
    if unsettled:
        return e.Finished(
            Outcome.INCOMPLETE, f"{why}; traffic is back, {', '.join(unsettled)} could not be told", seconds
        )
    if seconds > r.plan.budget.rollback:
        return e.Finished(
            Outcome.INCOMPLETE, f"{why}; back, but over the budget of {r.plan.budget.rollback:g} s", seconds
        )
    return e.Finished(Outcome.ROLLED_BACK, why, seconds)


def _done(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """Nothing is left to do."""


BACK: dict[Phase, Callable[[Decision, Rollout, Watch, float], None]] = {
    Phase.RAISING: _raising,
    Phase.LOOKING: _looking,
    Phase.WARMING: _warming,
    Phase.RETURNING: _returning,
    Phase.SETTLING: _settling,
    Phase.DONE: _done,
}
