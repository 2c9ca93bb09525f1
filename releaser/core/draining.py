"""When is a release that gets no more users done with what they had begun, and when is the rest cut short?"""

import math

from releaser.core.commands import Count, Cut
from releaser.core.decision import Decision
from releaser.core.rollout import Rollout
from releaser.core.watch import Watch

__all__ = ["drained"]

POLL = 0.5
"""Seconds between two looks at what is still open."""
ARRIVED = 0.3
"""Seconds after the way back from which a count of nothing is believed: a request may just have been on its way."""


def drained(d: Decision, r: Rollout, watch: Watch, release: str, now: float) -> bool:
    """True once no router has a request or websocket of `release` open, or what was left at `cut_after` was cut.

    A router that gives no good answer to the one try keeps nobody waiting: the slot's own end follows anyway.
    """
    if r.plan.cut_after is None or r.back_at is None:
        return True
    limit, left = r.back_at + r.plan.cut_after, []
    for name in sorted(r.settled - r.lost):
        cut = Cut(name, release)
        if name in r.cut or cut in r.tries or not _open(r, watch, name, release):
            continue
        left.append(name)
        if now < r.back_at + ARRIVED:
            d.wake(r.back_at + ARRIVED)
        elif now < limit:
            d.ask(watch, Count(name), POLL, now)
            d.wake(limit)
        else:
            d.need(r, cut, now)
    return not left


def _open(r: Rollout, watch: Watch, router: str, release: str) -> bool:
    """Whether it may have something of `release` under way; not known counts as yes."""
    at, active = watch.active.get(router, (-math.inf, {}))
    believed = r.back_at is not None and at >= r.back_at + ARRIVED
    return not believed or active.get(release, 0) > 0
