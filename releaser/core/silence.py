"""When may a way back end although a router is silent? When every other one is home, and its own timer has certainly run out. (pure)"""

import math

from releaser.core.commands import Acquire, Shift
from releaser.core.rollout import Rollout

__all__ = ["home_by", "left_silent", "only_silent_ones_left"]

FIRES = 1.0
"""Seconds that a guard may take once its timer has run out."""
MARGIN = 2.0
"""Seconds for clocks that run differently."""


def only_silent_ones_left(r: Rollout) -> bool:
    """Whether every router that is not home yet has been asked more than once, and has not answered.

    One silence may be our own: a process that was stopped hears no answer, and wakes when every time is over.
    """
    asked = [command for command, tries in r.tries.items() if tries.how != "failed" and tries.attempts > 1]
    taking = any(isinstance(command, Acquire) for command in asked)
    writing = {command.router for command in asked if isinstance(command, Shift) and command.urgent}
    return all(name in writing if name in r.reached else taking for name in r.astray())


def home_by(r: Rollout) -> float:
    """When no timer on a silent router runs any more; never, where it may have been disarmed or there is nothing to go back to.

    The last sign of life of our own reached it a third of the timer after the decision at the latest: on the way back nobody
    renews a router that is not home. What a rollback takes away may be renewed by another process for one timer more,
    and has no timer at all once it was committed: there it is tried for as long as the rollback may take.
    """
    timer = r.plan.budget.deadman
    if r.plan.kind == "rollback":
        return r.turned_at + max(r.plan.budget.rollback, 2 * timer + FIRES + MARGIN)
    if r.plan.first or r.committing:
        return math.inf
    return r.turned_at + timer / 3 + timer + FIRES + MARGIN


def left_silent(r: Rollout) -> str:
    """What is known of them, and who looks after them."""
    names = ", ".join(r.astray())
    recover = f"`releaser recover -e {r.plan.environment}`"
    if r.plan.kind == "rollback":
        users = f"may still send users to {r.plan.origin}" if r.plan.origin else "may serve anything"
        return f"{names} did not answer and {users}: {recover} takes it back once it answers"
    if math.isinf(home_by(r)):
        return f"{names} did not answer, and it is not known what it serves: {recover} takes it back once it answers"
    seconds = home_by(r) - r.turned_at
    return (
        f"{names} did not answer; its own timer put it back within {seconds:.0f} s: {recover} checks it once it answers"
    )
