"""What does an event from the hosts change: what lies there, was started, is ready, goes without, was stopped? (pure)"""

from collections.abc import Mapping

from releaser.core import events as e
from releaser.core.absent import Missing
from releaser.core.commands import Collect, Place, PutBack, Start, Stop
from releaser.core.fold_change import Handler, enter, replace, without
from releaser.core.rollout import Phase, Rollout

__all__ = ["HANDLERS"]


def _placed(r: Rollout, event: e.Placed, at: float) -> Rollout:
    placed = r.placed | {event.target}
    r = replace(r, placed=placed, missing=_missing(r, event), pending=without(r, Place, event.target))
    everywhere = all(target.name in placed for target in r.plan.targets)
    return enter(r, Phase.STARTING, at) if everywhere and r.phase is Phase.PLACING else r


def _started(r: Rollout, event: e.Started, at: float) -> Rollout:
    started = r.started | {event.target}
    r = replace(r, started=started, missing=_missing(r, event), pending=without(r, Start, event.target))
    everywhere = all(target.name in started for target in r.plan.targets)
    return enter(r, Phase.PROVING, at) if everywhere and r.phase is Phase.STARTING else r


def _missing(r: Rollout, event: e.Placed | e.Started) -> Mapping[str, tuple[Missing, ...]]:
    if not event.missing and event.target not in r.missing:
        return r.missing
    return {**r.missing, event.target: event.missing}


def _left_out(r: Rollout, event: e.LeftOut, at: float) -> Rollout:
    known = r.missing.get(event.target, ())
    missing = {**r.missing, event.target: (*known, *event.missing)}
    nowhere = r.nowhere if event.left else r.nowhere | {event.target}
    return replace(r, missing=missing, nowhere=nowhere, pending=without(r, PutBack, event.target))


def _ready(r: Rollout, event: e.Ready, at: float) -> Rollout:
    ready = r.ready | {event.target}
    r = replace(r, ready=ready)
    if not all(target.name in ready for target in r.plan.targets):
        return r
    if r.phase is Phase.WARMING:
        return enter(r, Phase.RETURNING, at)
    if r.phase is Phase.PROVING:
        return enter(r, Phase.ARMING if r.plan.first else Phase.REHEARSING, at)
    return r


def _stopped(r: Rollout, event: e.Stopped, at: float) -> Rollout:
    return replace(r, stopped=r.stopped | {event.target}, pending=without(r, Stop, event.target))


def _collected(r: Rollout, event: e.Collected, at: float) -> Rollout:
    return replace(r, collected=r.collected | {event.target}, pending=without(r, Collect, event.target))


HANDLERS: dict[type, Handler] = {
    e.Placed: _placed,
    e.Started: _started,
    e.LeftOut: _left_out,
    e.Ready: _ready,
    e.Stopped: _stopped,
    e.Collected: _collected,
}
