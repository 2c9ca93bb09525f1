"""Does a dead orchestrator ever leave users on a candidate?

Each drill is a `releaser promote` over SSH to two hosts behind a pair of HAProxies: the process is killed, sleeps or is cut off, or a
load balancer loses its power, five times each: armed, at both steps, in an approval and in the bake.
"""

from collections.abc import Sequence

from drill_stage import DELTA, KINDS, MOMENTS, TIMER, Drilled, drill, ground

from bench.apart import said
from bench.figures import Figure, quantile


def measure(*, quick: bool) -> list[Figure]:
    with ground() as at:
        done = []
        for kind in KINDS:
            for moment in MOMENTS[-1:] if quick else MOMENTS:
                done.append(drill(at, kind, moment))
                said(f"{done[-1]}{' MISSED' if done[-1].missed() else ''}")
    return _drills(done)


def _drills(done: Sequence[Drilled]) -> list[Figure]:
    figures = []
    for kind in KINDS:
        mine = [one for one in done if one.kind == kind]
        home = [at for one in mine for at in one.home.values() if at is not None]
        since = " since its power was back" if kind == "power-off" else ""
        how = f"real over SSH, {len(mine)} drills, T {TIMER:g} s{since}"
        worst = max(home) if len(home) == sum(len(one.home) for one in mine) else None
        figures += [
            Figure(f"{kind}: until stable on both, worst", worst, "s", TIMER + DELTA, how=how),
            Figure(f"{kind}: until stable, median", quantile(home, 0.5), "s", how=how),
            Figure(f"{kind}: the old holder's write not refused", sum(not one.refused for one in mine), "", 0, how=how),
            Figure(f"{kind}: shifts forward afterwards", sum(one.forward for one in mine), "", 0, how=how),
            Figure(f"{kind}: misses of any kind", sum(one.missed() for one in mine), "", 0, how=how),
        ]
    return figures
