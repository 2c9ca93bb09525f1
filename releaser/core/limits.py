"""How long anything may take: the deadline of each command, the pause before each repeat, the limit of each phase. Seconds."""

from releaser.core.commands import (
    Acquire,
    Arm,
    CheckHealth,
    Collect,
    Command,
    Count,
    Cut,
    Look,
    Place,
    PutBack,
    Rehearse,
    Settle,
    Shift,
    Start,
    Stop,
)
from releaser.core.plan import Plan
from releaser.core.rollout import Phase, Tries

__all__ = ["GIVE_UP_STOPPING", "JUDGED_EVERY", "phase_limit", "retry_pause", "within"]

JUDGED_EVERY = 5.0
"""What the judge sees is journaled this often, and whenever the verdict changes."""
GIVE_UP_STOPPING = 10.0
"""Stopping a slot that no user reaches any more may not delay the end of a release for longer."""

PLACING = 0.8
"""Of the phase's time: a host that fell silent in the middle of it is named before the phase is over."""
PUTTING_BACK = 15.0
"""After the time to become ready: the hosts that did not are asked what was printed there, and it is stopped there."""
REHEARSAL_TIMER = 1.0
LONGEST_PAUSE = 5.0
WITHIN: dict[type, float] = {
    Acquire: 30.0,
    Start: 60.0,
    PutBack: 10.0,
    Stop: 10.0,
    Collect: 10.0,
    Arm: 10.0,
    Look: 5.0,
    Settle: 10.0,
    Cut: 5.0,
    Rehearse: 15.0,
}


def within(command: Command, plan: Plan) -> float:
    """How long one attempt may take; an answer after that counts as none."""
    match command:
        case Place():
            return PLACING * plan.budget.step
        case CheckHealth():
            return plan.health.timeout + 1.0
        case Count():
            return max(2.0, 2.0 * plan.poll)
        case Shift():
            return 3.0 if command.urgent else 10.0
        case _:
            return WITHIN[type(command)]


def retry_pause(tries: Tries) -> float:
    """0.2 s, doubling to 5 s."""
    return float(min(LONGEST_PAUSE, 0.2 * 2.0 ** (tries.attempts - 1))) if tries.attempts < 8 else LONGEST_PAUSE


def phase_limit(phase: Phase, plan: Plan) -> float:
    """How long a forward phase may last before the release goes back; time spent waiting for people not counted."""
    match phase:
        case Phase.ACQUIRING | Phase.LOOKING:
            return 60.0
        case Phase.PROVING | Phase.WARMING:
            return plan.health.ready_within + (PUTTING_BACK if phase is Phase.PROVING else 0.0)
        case Phase.REHEARSING | Phase.ARMING:
            return 3 * plan.budget.deadman
        case Phase.SHIFTING | Phase.COMMITTING:
            # Routers may differ by one step for this long, and one that is out of reach goes back by itself then.
            return plan.budget.deadman
        case Phase.BAKING:
            return plan.bake + plan.budget.step
        case _:
            return plan.budget.step
