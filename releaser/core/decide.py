"""What to do next: `decide` turns a rollout, what was watched and the time into facts to record and commands to issue.

Pure: the same arguments give the same answer. One function per phase; every phase that is not final has a limit and a way out.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from releaser.core import events as e
from releaser.core.analysis.judge import Judgement
from releaser.core.commands import (
    Acquire,
    Arm,
    CheckHealth,
    Command,
    Look,
    Place,
    Rehearse,
    Settle,
    Settlement,
    Shift,
    Start,
    Stop,
)
from releaser.core.limits import GIVE_UP_STOPPING, JUDGED_EVERY, phase_limit, retry_pause, within
from releaser.core.rollout import BACKWARD, PATIENT, Phase, Rollout
from releaser.core.values import Outcome, Verdict
from releaser.core.watch import Watch

__all__ = ["Decision", "decide", "generation_of"]

PATIENCE_LOOKING = 10.0
"""Seconds that a recovery waits for a router that does not answer, before it goes on with the others."""
HURRIED = 1.0
"""Seconds between two probes of a release that is started to go back to: users wait for it, and the budget runs."""
REHEARSAL_GENERATION, FIRST_GENERATION, HOME_GENERATION, GUARD_GENERATION = 0, 1, 990, 995


@dataclass(slots=True)
class Decision:
    """`record`: facts, in order, before anything else. `issue`: commands. `wake_at`: look again then, at the latest."""

    record: list[e.Event] = field(default_factory=list)
    issue: list[Command] = field(default_factory=list)
    wake_at: float = math.inf

    @property
    def idle(self) -> bool:
        return not self.record and not self.issue

    def wake(self, at: float) -> None:
        self.wake_at = min(self.wake_at, at)

    def need(self, r: Rollout, command: Command, now: float) -> None:
        """Issue this unless it is under way or its pause after a failed try is not over."""
        flight = r.pending.get(command)
        if flight is not None:
            overdue = flight.at + within(command, r.plan) + 1.0
            if now < overdue:
                self.wake(overdue)
            else:
                self.record.append(e.EffectFailed(command, flight.attempt, "unknown", "no answer came in time"))
            return
        tries = r.tries.get(command)
        again = tries.at + retry_pause(tries) if tries else now
        if now < again:
            self.wake(again)
        else:
            self.issue.append(command)

    def ask(self, watch: Watch, question: Command, every: float, now: float) -> None:
        due = watch.due(question, every, now)
        if due <= now:
            self.issue.append(question)
            self.wake(now + every)
        else:
            self.wake(due)


def generation_of(fence: int, offset: int) -> int:
    """Generations grow with the fence and, under one fence, with the steps; the way back is above every step."""
    return fence * 1000 + offset


def decide(r: Rollout, watch: Watch, now: float) -> Decision:
    """The next facts and commands of one rollout."""
    d = Decision()
    if r.finished:
        return d
    if r.phase not in BACKWARD and r.phase is not Phase.LOOKING:
        stop = _must_turn(r, watch, now)
        d.record = [stop] if stop else _waited_too_long(d, r, now)
        if d.record:
            return d
    PHASES[r.phase](d, r, watch, now)
    if not d.record and r.phase not in BACKWARD and r.phase is not Phase.LOOKING:
        d.wake(_limit_at(r))
        d.wake(_release_limit_at(r))
    return d


def _turn(cause: e.Cause, why: str, *, mark_bad: bool = False, by: str = "releaser") -> e.TurnedBack:
    return e.TurnedBack(cause, by, why, mark_bad=mark_bad)


def _limit_at(r: Rollout) -> float:
    if r.committed or (r.phase in PATIENT and (r.asked_approval is not None or r.paused or r.held)):
        return math.inf
    return r.since + r.credit + phase_limit(r.phase, r.plan)


def _release_limit_at(r: Rollout) -> float:
    if r.committed or r.asked_approval is not None or r.paused or r.held:
        return math.inf
    return r.opened + r.release_credit + r.plan.budget.release


def _must_turn(r: Rollout, watch: Watch, now: float) -> e.TurnedBack | e.Finished | None:
    """What ends the way forward in every phase: a refusal, a lost router, an event that we do not know, a limit."""
    if r.refused:
        return e.Finished(Outcome.REFUSED, r.refused.why)
    if r.committed:
        return None
    if r.unrecognised:
        return _turn("failure", f"the journal holds an event of a later version ({r.unrecognised})")
    if r.lost or r.fired:
        names = ", ".join(sorted(r.lost | r.fired))
        return _turn("superseded", f"{names} is no longer ours to write: its timer fired or another holder took over")
    over = now >= _limit_at(r)
    if over or now >= _release_limit_at(r):
        whole = f"the release was not over within {r.plan.budget.release:g} s"
        return _turn("deadline", _late(r, watch) if over else whole)
    return None


def _late(r: Rollout, watch: Watch) -> str:
    """Which limit is over, and the best that is known of why."""
    limit = phase_limit(r.phase, r.plan)
    if r.phase is Phase.PROVING:
        unready = [target.name for target in r.plan.targets if target.name not in r.ready]
        said = {watch.last.get((name, r.plan.to.id), "no answer") for name in unready}
        return f"{r.plan.to.id} was not ready on {', '.join(unready)} within {limit:g} s: {'; '.join(sorted(said))}"
    if r.judged:
        return f"the step at {r.plan.steps[r.step].weight} % was not decided within {limit:g} s: {r.judged.why}"
    why = next((f": {tries.why}" for tries in r.tries.values()), "")
    return f"{r.phase} was not over within {limit:g} s{why}"


def _forward(d: Decision, r: Rollout, commands: Iterable[Command], now: float) -> None:
    """Issue forward effects; one that said no ends the way forward, since a repeat would get the same answer."""
    for command in commands:
        tries = r.tries.get(command)
        if tries and tries.how == "failed":
            d.record.append(_turn("failure", tries.why))
            return
        d.need(r, command, now)


def _acquiring(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    _forward(d, r, (Acquire(),), now)


def _placing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    _forward(d, r, (Place(target.name) for target in r.plan.targets if target.name not in r.placed), now)


def _starting(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    _forward(d, r, _starts(r), now)


def _starts(r: Rollout) -> list[Start]:
    to = r.plan.to.id
    return [Start(target.name, to, r.plan.slot(to)) for target in r.plan.targets if target.name not in r.started]


def _proving(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """N good answers in a row with the expected version, on every target, before any user is sent there."""
    to, rule = r.plan.to.id, r.plan.health
    for target in r.plan.targets:
        if target.name in r.ready:
            continue
        passes = watch.passes.get((target.name, to), 0)
        if passes >= rule.passes:
            d.record.append(e.Ready(target.name, to, passes))
        else:
            d.ask(watch, CheckHealth(target.name, to), rule.every, now)


def _rehearsing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    slowest = max(r.rehearsed.items(), key=lambda item: item[1], default=None)
    if slowest and slowest[1] > r.plan.budget.rollback:
        name, seconds = slowest
        d.record.append(
            _turn(
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
        d.record.append(e.StepBegun(r.step, r.plan.steps[r.step].weight))
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
        fresh = watch.answered.get(Look(name), -math.inf) >= now - r.plan.budget.deadman
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
        d.record.append(e.Held(why) if approve.otherwise == "hold" else _turn("deadline", why))
    else:
        d.wake(r.asked_approval + approve.within)
    return True


def _look_around(d: Decision, r: Rollout, watch: Watch, now: float) -> Judgement | None:
    """Ask what is due, journal what the judge sees, and go back on a bad verdict or a drift."""
    if watch.step != r.step:
        watch.begin(r.step, r.since)
    for question, every in watch.around:
        d.ask(watch, question, every, now)
    if drift := _drift(r, watch):
        d.record.extend(drift)
        return None
    judgement = watch.verdict(now)
    if _worth_journaling(r, judgement, now):
        d.record.append(e.Judged(r.step, judgement.verdict, judgement.why, judgement.figures))
    if judgement.verdict is Verdict.BAD and not r.held:
        d.record.append(_failed_policy(r, "judge", judgement.why, mark_bad=True))
    return judgement


def _drift(r: Rollout, watch: Watch) -> list[e.Event]:
    """A router that shows another split than ours: somebody else writes there, so nothing goes forward."""
    for router in r.plan.routers:
        seen = watch.drifted.get(router.name)
        if seen is not None and seen.split != (expected := r.plan.split_at(r.step, router)):
            why = f"{router.name} shows {seen.split}, we set {expected}: somebody else changed it"
            return [seen, _turn("failure", why)]
    return []


def _waited_too_long(d: Decision, r: Rollout, now: float) -> list[e.Event]:
    """A pause or a hold that is over. Whatever phase it began in, it ends."""
    if r.paused:
        if now >= r.paused_at + r.paused.at_most:
            why = f"the pause of {r.paused.at_most:g} s is over"
            return [e.Resumed("releaser"), _failed_policy(r, "deadline", why, mark_bad=False)]
        d.wake(r.paused_at + r.paused.at_most)
    if r.held:
        if now >= r.held_at + r.plan.budget.release:
            return [_turn("deadline", f"held for {r.plan.budget.release:g} s and nobody decided")]
        d.wake(r.held_at + r.plan.budget.release)
    return []


def _worth_journaling(r: Rollout, judgement: Judgement, now: float) -> bool:
    last = r.judged
    return last is None or last.verdict is not judgement.verdict or now >= r.judged_at + JUDGED_EVERY


def _failed_policy(r: Rollout, cause: e.Cause, why: str, *, mark_bad: bool) -> e.Event:
    if r.plan.on_failure == "hold":
        return e.Held(why)
    return _turn(cause, why, mark_bad=mark_bad, by="the judge" if cause == "judge" else "releaser")


def _committing(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    commands = [Settle(name, "committed") for name in r.routers() if name not in r.settled]
    for command in commands:
        d.need(r, command, now)
    if not commands and (r.plan.origin is None or _stopped(d, r, r.plan.origin, now)):
        d.record.append(e.Finished(Outcome.PROMOTED, f"{r.plan.to.id} answers everywhere, read back"))


def _stopped(d: Decision, r: Rollout, release: str, now: float) -> bool:
    """True once every target was told to stop `release`, or gave no good answer to one try."""
    waiting = False
    for target in r.plan.targets:
        command = Stop(target.name, release, r.plan.slot(release))
        flight = r.pending.get(command)
        if target.name in r.stopped or command in r.tries or (flight and now >= flight.at + GIVE_UP_STOPPING):
            continue
        waiting = True
        d.need(r, command, now)
        d.wake((flight.at if flight else now) + GIVE_UP_STOPPING)
    return not waiting


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
        d.record.append(_turn("recovery", "nothing is left to take back: another release took over"))
    elif r.committing and all(_committed(r, name) for name in r.routers()):
        if r.plan.origin is None or _stopped(d, r, r.plan.origin, now):
            why = "the commit was complete on every router when the process died"
            d.record.append(e.Finished(Outcome.PROMOTED, why))
    else:
        _take_again(d, r, now)


def _take_again(d: Decision, r: Rollout, now: float) -> None:
    """What is still ours is taken under a new fence, and goes back from there."""
    if r.reached:
        wanted = r.recovered is not None and r.recovered.finish
        more = ", and what the routers show is not its last step any more" if wanted else ""
        d.record.append(_turn("recovery", f"the process that drove this release died{more}"))
        return
    d.need(r, Acquire(force=True), now)
    give_up = r.since + r.plan.budget.release
    if now >= give_up:
        d.record.append(e.Finished(Outcome.INCOMPLETE, "no router could be reached"))
    else:
        d.wake(give_up)


def _committed(r: Rollout, name: str) -> bool:
    seen = r.looked.get(name)
    return (
        seen is not None
        and seen.settlement == "committed"
        and seen.split is not None
        and (seen.split.weight(r.plan.to.id) == 100)
    )


def _warming(d: Decision, r: Rollout, watch: Watch, now: float) -> None:
    """A cold way back: the old release is started and answers before traffic goes there. After the limit it goes anyway."""
    for command in _starts(r):
        d.need(r, command, now)
    for target in r.plan.targets:
        passes = watch.passes.get((target.name, r.plan.to.id), 0)
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
    if "rollback" in r.alarmed:
        for name in sorted(r.reached - set(astray) - r.settled - r.lost):
            d.need(r, Settle(name, "reverted", urgent=True), now)
    if now >= _give_up_at(r):
        d.record.append(
            e.Finished(Outcome.INCOMPLETE, f"{', '.join(astray)} not reached; its own timer goes back by itself")
        )
    d.wake(_give_up_at(r))


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
    keep = candidate is None or quick or settlement == "committed" or not (r.started or r.plan.kind == "rollback")
    keep = keep or bool(r.lost)  # users may still be sent there: whoever took the router stops it
    stopped = keep or _stopped(d, r, candidate or "", now)
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
    starts = _starts(r)
    for command in starts:
        d.need(r, command, now)
    return [command.target for command in starts]


def _settlement(r: Rollout) -> Settlement:
    if r.plan.first and r.touched:
        return "committed"
    return "reverted" if r.touched or r.armed or r.plan.kind == "rollback" or _mark_bad(r) else "cancelled"


def _mark_bad(r: Rollout) -> bool:
    return r.turned.mark_bad if r.turned else False


def _back(r: Rollout, unsettled: Iterable[str] = ()) -> e.Finished:
    """How a way back ends, in one fact."""
    why = r.turned.why if r.turned else r.reason or f"asked for by {r.by}"
    if r.plan.first and r.touched:
        return e.Finished(
            Outcome.INCOMPLETE, f"no way back: first release ({why}); {r.plan.to.id} still answers, marked bad"
        )
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


PHASES: dict[Phase, Callable[[Decision, Rollout, Watch, float], None]] = {
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
    Phase.RAISING: _raising,
    Phase.LOOKING: _looking,
    Phase.WARMING: _warming,
    Phase.RETURNING: _returning,
    Phase.SETTLING: _settling,
    Phase.DONE: _done,
}
