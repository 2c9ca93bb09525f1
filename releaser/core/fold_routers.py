"""What does an event from the routers change: which are ours, what they show, and whether traffic is home? (pure)"""

from releaser.core import events as e
from releaser.core.commands import Acquire, Arm, Cut, Rehearse, Settle, Shift, subject_of
from releaser.core.fold_change import Handler, enter, replace, without
from releaser.core.rollout import Phase, Rollout

__all__ = ["HANDLERS", "perhaps_back"]


def _acquired(r: Rollout, event: e.Acquired, at: float) -> Rollout:
    """What was under way, or was seen, before this fence was ours does not count any more; nor does it that a router of it was silent."""
    same, reached = event.fence == r.fence, frozenset(event.reached)
    fresh = reached - r.reached if same else reached
    tries = {command: tries for command, tries in r.tries.items() if subject_of(command) not in fresh}
    seen = {name: split for name, split in r.seen.items() if name not in fresh}
    r = replace(
        r, fence=event.fence, reached=r.reached | fresh if same else fresh, seen=seen, owned=r.owned | fresh,
        fired=r.fired - fresh, settled=r.settled - fresh, pending=without(r, Acquire) if same else {}, tries=tries,
    )  # fmt: skip
    if r.phase is Phase.ACQUIRING:
        return enter(r, Phase.PLACING, at)
    if r.phase is Phase.RAISING:
        return enter(r, Phase.WARMING if r.plan.cold else Phase.RETURNING, at)
    if r.phase is Phase.LOOKING and r.may_finish:
        return _go_on(r, at)
    return r


def _go_on(r: Rollout, at: float) -> Rollout:
    """Forward again after a crash: at the step that was reached, or from the placing where there was none."""
    if r.step >= 0:
        return enter(r, Phase.ARMING, at)
    none: frozenset[str] = frozenset()
    return enter(r, Phase.PLACING, at, placed=none, started=none, missing={}, nowhere=none, ready=none, rehearsed={})


def _rehearsed(r: Rollout, event: e.Rehearsed, at: float) -> Rollout:
    rehearsed = {**r.rehearsed, event.router: event.seconds}
    r = replace(r, rehearsed=rehearsed, pending=without(r, Rehearse, event.router))
    everywhere = all(name in rehearsed for name in r.routers())
    return enter(r, Phase.ARMING, at) if everywhere and r.phase is Phase.REHEARSING else r


def _armed(r: Rollout, event: e.Armed, at: float) -> Rollout:
    """From here on no timer but ours can change the router: what was seen there before is not believed any more."""
    looked = {name: seen for name, seen in r.looked.items() if name != event.router}
    return replace(r, armed=r.armed | {event.router}, looked=looked, pending=without(r, Arm, event.router))


def _shifted(r: Rollout, event: e.Shifted, at: float) -> Rollout:
    r = replace(r, seen={**r.seen, event.router: event.split}, pending=without(r, Shift, event.router))
    if r.phase is Phase.SHIFTING and not event.urgent:
        if all(r.seen.get(router.name) == r.plan.split_at(r.step, router) for router in r.moving()):
            return enter(r, Phase.BAKING if r.at_last_step else Phase.WATCHING, at)
        return r
    return perhaps_back(r, at)


def perhaps_back(r: Rollout, at: float) -> Rollout:
    """On the way back: traffic is home once nothing is astray any more."""
    if r.phase is not Phase.RETURNING or r.astray():
        return r
    return enter(r, Phase.SETTLING, at, back_at=at if r.touched or r.plan.kind == "rollback" else None)


def _router_seen(r: Rollout, event: e.RouterSeen, at: float) -> Rollout:
    seen = dict(r.seen)
    if event.split is not None:
        seen[event.router] = event.split
    r = replace(r, seen=seen, looked={**r.looked, event.router: event})
    return perhaps_back(r, at)


def _settled(r: Rollout, event: e.Settled, at: float) -> Rollout:
    return replace(r, settled=r.settled | {event.router}, pending=without(r, Settle, event.router))


def _cut_short(r: Rollout, event: e.CutShort, at: float) -> Rollout:
    return replace(r, cut={**r.cut, event.router: event.connections}, pending=without(r, Cut, event.router))


def _lost(r: Rollout, event: e.Lost, at: float) -> Rollout:
    r = _out_of_hand(r, event.router)
    return perhaps_back(replace(r, lost=r.lost | {event.router}, owned=r.owned - {event.router}), at)


def _fired(r: Rollout, event: e.Fired, at: float) -> Rollout:
    return replace(_out_of_hand(r, event.router), fired=r.fired | {event.router})


def _out_of_hand(r: Rollout, router: str) -> Rollout:
    """We may not write there any more, and do not know what it shows."""
    pending = {command: flight for command, flight in r.pending.items() if subject_of(command) != router}
    seen = {name: split for name, split in r.seen.items() if name != router}
    return replace(r, pending=pending, seen=seen, reached=r.reached - {router}, armed=r.armed - {router})


HANDLERS: dict[type, Handler] = {
    e.Acquired: _acquired,
    e.Rehearsed: _rehearsed,
    e.Armed: _armed,
    e.Shifted: _shifted,
    e.Settled: _settled,
    e.CutShort: _cut_short,
    e.Lost: _lost,
    e.Fired: _fired,
    e.RouterSeen: _router_seen,
}
