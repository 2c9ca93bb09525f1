"""The way forward, one function a phase: from the lease to the commit, each step on its own PASS."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from releaser.core import events as e
from releaser.core.absent import beyond, say_missing
from releaser.core.analysis.judge import Judgement
from releaser.core.commands import Acquire, Arm, CheckHealth, Command, Look, Place, PutBack, Rehearse, Settle, Shift
from releaser.core.decision import (
    FIRST_GENERATION,
    Decision,
    collect_everywhere,
    failed_policy,
    generation_of,
    missing_starts,
    stop_everywhere,
    turn_back,
)
from releaser.core.limits import JUDGED_EVERY
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Outcome, Verdict
from releaser.core.watch import Watch

__all__ = ["FORWARD"]


def _forward(d: Decision, r: Rollout, commands: Iterable[Command], now: float) -> None:
    """Issue forward effects; one that said no ends the way forward, since a repeat would get the same answer."""
    for command in commands:
        tries = r.tries.get(command)
        if tries and tries.how == "failed":
            d.record.append(turn_back("failure", tries.why))
            return
        d.need(r, command, now)


def _acquiring(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    _forward(d, r, (Acquire(),), now)


def _too_many_missing(d: Decision, r: Rollout) -> bool:
    """Each target has answered for itself; a wave of several counts their hosts together."""
    if not r.missing:
        return False
    if r.nowhere:
        missing = say_missing(one for name in sorted(r.nowhere) for one in r.missing[name])
        d.record.append(
            turn_back("failure", f"{r.plan.to.id} became ready on no host of {', '.join(sorted(r.nowhere))}: {missing}")
        )
        return True
    for wave in sorted({target.wave for target in r.plan.targets}):
        targets = [target.name for target in r.plan.targets if target.wave == wave]
        why = beyond((one for name in targets for one in r.missing.get(name, ())), r.plan.allowed)
        if why:
            d.record.append(turn_back("failure", why))
            return True
    return False


def _placing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    if _too_many_missing(d, r):
        return
    _forward(d, r, (Place(target.name) for target in r.plan.targets if target.name not in r.placed), now)


def _starting(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    if _too_many_missing(d, r):
        return
    _forward(d, r, missing_starts(r), now)


def _proving(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """N good answers in a row with the expected version, on every target, before any user is sent there."""
    if _too_many_missing(d, r):
        return
    to, rule, limit = r.plan.to.id, r.plan.health, r.since + r.credit + r.plan.health.ready_within
    for target in (one.name for one in r.plan.targets if one.name not in r.ready):
        passes = watch.passes(target, to, r.without(target))
        if passes >= rule.passes:
            d.record.append(e.Ready(target, to, passes))
        elif now < limit:
            d.ask(watch, CheckHealth(target, to), rule.every, now)
            d.wake(limit)
        else:
            _put_back(d, r, watch, target, now)


def _put_back(d: Decision, r: Rollout, watch: Watch, target: str, now: float) -> None:
    """The time to become ready is over. The hosts that are to blame are left out; where nobody knows them, all goes back."""
    to, rule = r.plan.to.id, r.plan.health
    unwell = watch.unwell(target, to, rule.passes)
    if not unwell:
        said = watch.last.get((target, to), "no answer")
        why = f"{to} was not ready on {target} within {rule.ready_within:g} s: {said}"
        d.record.append(turn_back("deadline", why))
        return
    why = f"not ready within {rule.ready_within:g} s: "
    missing = tuple(replace(one, why=why + one.why) for one in unwell)
    _forward(d, r, (PutBack(target, to, r.plan.slot(to), missing),), now)


def _rehearsing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    slowest = max(r.rehearsed.items(), key=lambda item: item[1], default=None)
    if slowest and slowest[1] > r.plan.budget.rollback:
        name, seconds = slowest
        d.record.append(
            turn_back(
                "failure", f"the rehearsal on {name} took {seconds:.1f} s, the budget is {r.plan.budget.rollback:g} s"
            )
        )
        return
    _forward(d, r, (Rehearse(name) for name in r.routers() if name not in r.rehearsed), now)


def _arming(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """Arm every router, then use the probes' PASS for the first shift."""
    missing = [name for name in r.routers() if name not in r.armed]
    if missing and not r.plan.first:
        _forward(d, r, (Arm(name) for name in missing), now)
    elif r.paused or r.held:
        return
    elif r.recovered and r.recovered.finish and r.step >= 0:
        if r.may_finish:
            d.record.append(e.StepBegun(r.step, r.plan.steps[r.step].weight))
        else:
            d.record.append(turn_back("recovery", "a router went back by itself before it was armed again"))
    elif r.passed is None:
        d.record.append(
            e.Passed(-1, "probes", f"{r.plan.health.passes} good answers in a row, version {r.plan.to.version}")
        )
    else:
        d.record.append(e.StepBegun(0, r.plan.steps[0].weight))


def _shifting(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    generation = generation_of(r.fence, FIRST_GENERATION + r.step)
    commands: list[Command] = []
    for router in r.moving():
        split = r.plan.split_at(r.step, router)
        if split is not None and r.seen.get(router.name) != split:
            commands.append(Shift(router.name, split, generation))
    _forward(d, r, commands, now)


def _watching(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """Ask, judge, and leave the step on a PASS; a person's pause or hold keeps the weight, never the judge from going back."""
    judgement = _look_around(d, r, watch, now)
    if d.record or judgement is None:
        return
    if r.paused or r.held or _wait_for_approval(d, r, now):
        return
    following = r.step + 1
    if r.passed is None:
        if r.hurry and r.plan.steps[following].weight <= r.hurry[0]:
            d.record.append(e.Passed(r.step, r.hurry[1], r.hurry[2]))
        elif judgement.verdict is Verdict.GOOD:
            d.record.append(e.Passed(r.step, "judge", judgement.why))
    else:
        d.record.append(e.StepBegun(following, r.plan.steps[following].weight))


def _baking(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    judgement = _look_around(d, r, watch, now)
    if d.record or judgement is None:
        return
    if now < r.since + r.plan.bake:
        d.wake(r.since + r.plan.bake)
    if r.paused or r.held or _wait_for_approval(d, r, now):
        return
    if r.passed is not None:
        if _agreed(d, r, watch, now):
            d.record.append(e.CommitBegun())
    elif judgement.verdict is Verdict.GOOD and now >= r.since + r.plan.bake:
        d.record.append(e.Passed(r.step, "judge", judgement.why))


def _agreed(d: Decision, r: Rollout, watch: Watch, now: float) -> bool:
    """Every router was read after the last PASS-worthy reading and shows the split that we set."""
    agreed = True
    for name in r.routers():
        seen = watch.drifted.get(name)
        fresh = watch.looked_at.get(name, -math.inf) >= now - r.plan.budget.deadman
        if seen is None or not fresh:
            agreed = False
            d.ask(watch, Look(name), r.plan.poll, now)
    return agreed


def _wait_for_approval(d: Decision, r: Rollout, now: float) -> bool:
    """True while the step's approval is missing. It is asked for once the evidence is in."""
    approve = r.plan.steps[r.step].approve
    if approve is None or r.step in r.approved or r.passed is None:
        return False
    if r.asked_approval is None:
        d.record.append(e.ApprovalAsked(r.step, approve.by, approve.within))
    elif now >= r.asked_approval + approve.within:
        why = f"nobody of {approve.by} approved within {approve.within:g} s"
        d.record.append(e.Held(why) if approve.otherwise == "hold" else turn_back("deadline", why))
    else:
        d.wake(r.asked_approval + approve.within)
    return True


def _look_around(d: Decision, r: Rollout, watch: Watch, now: float) -> Judgement | None:
    """Ask what is due, journal what the judge sees, and go back on a bad verdict or a drift."""
    if watch.resumed != r.resumed:
        watch.begin_anew(r.resumed)
    if watch.step != r.step:
        watch.begin(r.step, max(r.since, r.resumed_at))
    for turn, every in watch.around:
        d.ask_in_turn(turn, every, now)
    if drift := _drift(r, watch):
        d.record.extend(drift)
        return None
    judgement = watch.verdict(now)
    if _worth_journaling(r, judgement, watch, now):
        shares = watch.judge.shares()
        d.record.append(e.Judged(r.step, judgement.verdict, judgement.why, judgement.figures, shares))
    if judgement.verdict is Verdict.BAD and not r.held:
        d.record.append(failed_policy(r, "judge", judgement.why, mark_bad=True))
    return judgement


def _drift(r: Rollout, watch: Watch) -> list[e.Event]:
    """A router that another rollout took (a rollback raises the fence), or that shows another split than ours: somebody
    else writes there, so nothing goes forward.
    """
    for router, expected in watch.expected:
        seen = watch.drifted.get(router)
        if seen is not None and seen.owner not in ("", r.id):
            return [seen, e.Lost(router, f"{seen.owner} took it over")]
        if seen is not None and seen.split != expected:
            why = f"{router} shows {seen.split}, we set {expected}: somebody else changed it"
            return [seen, turn_back("failure", why)]
    return []


def _worth_journaling(r: Rollout, judgement: Judgement, watch: Watch, now: float) -> bool:
    last = r.judged
    if last is None or last.verdict is not judgement.verdict or now >= r.judged_at + JUDGED_EVERY:
        return True
    return last.astray != watch.judge.astray


def _committing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    commands = [Settle(name, "committed") for name in r.routers() if name not in r.settled]
    for command in commands:
        d.need(r, command, now)
    if commands or (r.plan.origin is not None and not stop_everywhere(d, r, r.plan.origin, now)):
        return
    if collect_everywhere(d, r, now):
        without = [one.host for missing in r.missing.values() for one in missing]
        but = f" but on {', '.join(without[:5])}{' ...' if len(without) > 5 else ''}" if without else ""
        d.record.append(e.Finished(Outcome.PROMOTED, f"{r.plan.to.id} answers everywhere{but}, read back"))


FORWARD: dict[Phase, Callable[[Decision, Rollout, Watch, float], None]] = {
    Phase.ACQUIRING: _acquiring,
    Phase.PLACING: _placing,
    Phase.STARTING: _starting,
    Phase.PROVING: _proving,
    Phase.REHEARSING: _rehearsing,
    Phase.ARMING: _arming,
    Phase.SHIFTING: _shifting,
    Phase.WATCHING: _watching,
    Phase.BAKING: _baking,
    Phase.COMMITTING: _committing,
}
