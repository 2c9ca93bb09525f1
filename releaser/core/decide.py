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
    forward = r.phase not in BACKWARD and r.phase is not Phase.LOOKING
    limits = _limits_at(r) if forward else (math.inf, math.inf)
    if forward:
        stop = _must_turn(r, now, limits)
        d.record = [stop] if stop else _waited_too_long(d, r, now)
        if d.record:
            return d
    PHASES[r.phase](d, r, watch, now)
    if not d.record:
        d.wake(min(limits))
    return d


def _must_turn(r: Rollout, now: float, limits: tuple[float, float]) -> e.TurnedBack | e.Finished | None:
    """What ends the way forward in every phase: a refusal, a lost router, an event that we do not know, a limit."""
    if r.refused:
        return e.Finished(Outcome.REFUSED, r.refused.why)
    if r.committed:
        return None
    if r.unrecognised:
        return turn_back("failure", f"the journal holds an event of a later version ({r.unrecognised})")
    if r.lost or r.fired:
        return turn_back("superseded", _out_of_hand(r))
    if now < min(limits):
        return None
    whole = f"the release was not over within {r.plan.budget.release:g} s"
    return turn_back("deadline", _late(r) if now >= limits[0] else whole)


def _out_of_hand(r: Rollout) -> str:
    taken, fired = ", ".join(sorted(r.lost)), ", ".join(sorted(r.fired))
    said = [f"{taken} was taken over by a rollback or another release"] if taken else []
    return "; ".join([*said, *([f"{fired} went back by its own timer"] if fired else [])])


def _late(r: Rollout) -> str:
    """Which limit is over, and the best that is known of why."""
    limit = phase_limit(r.phase, r.plan)
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


def _limits_at(r: Rollout) -> tuple[float, float]:
    """When the phase and the whole release have taken too long. People are waited for beside both, a commit has no limit."""
    if r.committed:
        return math.inf, math.inf
    waits = r.asked_approval is not None or r.paused is not None or r.held is not None
    phase = math.inf if waits and r.phase in PATIENT else r.since + r.credit + phase_limit(r.phase, r.plan)
    return phase, math.inf if waits else r.opened + r.release_credit + r.plan.budget.release
