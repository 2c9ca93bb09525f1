"""What to do next: `decide` turns a rollout, what was watched and the time into facts to record and commands to issue.

Pure: the same arguments give the same answer. One function per phase; every phase that is not final has a limit and a way out.
"""

import math

from releaser.core import events as e
from releaser.core.backward import BACK
from releaser.core.decision import Decision, failed_policy, turn_back
from releaser.core.forward import FORWARD
from releaser.core.limits import phase_limit
from releaser.core.rollout import BACKWARD, PATIENT, Phase, Rollout
from releaser.core.values import Outcome
from releaser.core.watch import Watch

__all__ = ["decide"]

PHASES = {**FORWARD, **BACK}


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


def _must_turn(r: Rollout, watch: Watch, now: float) -> e.TurnedBack | e.Finished | None:
    """What ends the way forward in every phase: a refusal, a lost router, an event that we do not know, a limit."""
    if r.refused:
        return e.Finished(Outcome.REFUSED, r.refused.why)
    if r.committed:
        return None
    if r.unrecognised:
        return turn_back("failure", f"the journal holds an event of a later version ({r.unrecognised})")
    if r.lost or r.fired:
        names = ", ".join(sorted(r.lost | r.fired))
        return turn_back(
            "superseded", f"{names} is no longer ours to write: its timer fired or another holder took over"
        )
    over = now >= _limit_at(r)
    if over or now >= _release_limit_at(r):
        whole = f"the release was not over within {r.plan.budget.release:g} s"
        return turn_back("deadline", _late(r, watch) if over else whole)
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


def _waited_too_long(d: Decision, r: Rollout, now: float) -> list[e.Event]:
    """A pause or a hold that is over. Whatever phase it began in, it ends."""
    if r.paused:
        if now >= r.paused_at + r.paused.at_most:
            why = f"the pause of {r.paused.at_most:g} s is over"
            return [e.Resumed("releaser"), failed_policy(r, "deadline", why, mark_bad=False)]
        d.wake(r.paused_at + r.paused.at_most)
    if r.held:
        if now >= r.held_at + r.plan.budget.release:
            return [turn_back("deadline", f"held for {r.plan.budget.release:g} s and nobody decided")]
        d.wake(r.held_at + r.plan.budget.release)
    return []


def _limit_at(r: Rollout) -> float:
    if r.committed or (r.phase in PATIENT and (r.asked_approval is not None or r.paused or r.held)):
        return math.inf
    return r.since + r.credit + phase_limit(r.phase, r.plan)


def _release_limit_at(r: Rollout) -> float:
    if r.committed or r.asked_approval is not None or r.paused or r.held:
        return math.inf
    return r.opened + r.release_credit + r.plan.budget.release
