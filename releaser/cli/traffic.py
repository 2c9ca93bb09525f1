"""How much traffic is there, so that a plan can say what each step will see? Two looks at the routers' own counters."""

from typing import TYPE_CHECKING

from releaser.cli.run import Run
from releaser.core.analysis.planner import Sight, sees
from releaser.core.plan import Plan
from releaser.core.values import Counts
from releaser.errors import PortError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Rate", "sights_of"]

LOOK = 1.0
"""Seconds between the two looks."""
Rate = tuple[float, float]
"""(requests a second, share of errors) of the release that answers now."""


def sights_of(run: Run, session: "Session", plan: Plan) -> tuple[Sight, ...]:
    """What each step of the plan sees at today's traffic; changes nothing."""
    if not plan.judging.errors or plan.origin is None or plan.judging.absolute is not None:
        return tuple(sees(plan, index, 0.0, 0.0) for index in range(len(plan.steps)))
    started, before = run.now(), _counted(session, plan)
    run.pause(LOOK)
    after, seconds = _counted(session, plan), max(run.now() - started, LOOK)
    rate = max(0, after.completed - before.completed) / seconds
    base = (after.failed + 0.5) / (after.completed + 1)
    return tuple(sees(plan, index, rate, base) for index in range(len(plan.steps)))


def _counted(session: "Session", plan: Plan) -> Counts:
    """Stable's counters on all routers together; a router that does not answer counts as nothing."""
    completed = failed = 0
    for site in session.world.sites.values():
        try:
            counts = site.counters.count(plan.binding, within=2.0).get(plan.origin or "", Counts())
        except PortError:
            continue
        completed, failed = completed + counts.completed, failed + counts.failed
    return Counts(completed, failed)
