"""How does an entry of the journal change a rollout? `evolve` takes in one; nothing else ever changes a rollout."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from releaser.core import events as e
from releaser.core.absent import Missing
from releaser.core.commands import (
    Acquire,
    Arm,
    Collect,
    Command,
    Cut,
    Place,
    PutBack,
    Rehearse,
    Settle,
    Shift,
    Start,
    Stop,
    subject_of,
)
from releaser.core.rollout import BACKWARD, PATIENT, Flight, Phase, Rollout, Tries
from releaser.core.values import Split

__all__ = ["evolve", "replay"]

Handler = Callable[[Rollout, Any, float], Rollout]


def replace(r: Rollout, **changes: Any) -> Rollout:
    """As dataclasses.replace, which would go through every field and take most of the time of a fold."""
    changed = object.__new__(Rollout)
    fields = changed.__dict__
    fields.update(r.__dict__)
    fields.update(changes)
    return changed


def evolve(rollout: Rollout | None, entry: e.Entry) -> Rollout:
    """The rollout after one more entry. The first entry must be Opened.

    Raises ValueError for a gap or repeat in the numbering: a journal with a hole is not acted on.
    """
    event = entry.event
    if rollout is None:
        if not isinstance(event, e.Opened) or entry.seq != 0:
            raise ValueError(
                f"rollout {entry.rollout} begins with {type(event).__name__} number {entry.seq}, not Opened"
            )
        moment = entry.moment
        phase = Phase.RAISING if event.plan.kind == "rollback" else Phase.ACQUIRING
        return Rollout(
            entry.rollout,
            event.plan,
            event.by,
            event.reason,
            boot=moment.boot,
            opened=moment.at,
            since=moment.at,
            phase=phase,
            turned_at=moment.at,
        )
    if entry.seq != rollout.seq + 1:
        raise ValueError(f"rollout {rollout.id}: entry {entry.seq} follows entry {rollout.seq}")
    handler = HANDLERS.get(type(event))
    changed = handler(rollout, event, entry.moment.at) if handler else rollout
    if changed is rollout:
        return replace(rollout, seq=entry.seq)
    changed.__dict__["seq"] = entry.seq  # nobody else has seen this new one yet
    return changed


def replay(entries: Iterable[e.Entry]) -> Rollout:
    rollout: Rollout | None = None
    for entry in entries:
        rollout = evolve(rollout, entry)
    if rollout is None:
        raise ValueError("a rollout has at least one entry")
    return rollout


def _enter(r: Rollout, phase: Phase, at: float, **changes: Any) -> Rollout:
    return replace(r, phase=phase, since=at, credit=0.0, **changes)


def _without(r: Rollout, kind: type, subject: str | None = None) -> Mapping[Command, Flight]:
    """Effects under way but those of one kind on one subject (a target or router)."""
    return {
        command: flight
        for command, flight in r.pending.items()
        if not isinstance(command, kind) or (subject is not None and subject_of(command) != subject)
    }


def _issued(r: Rollout, event: e.Issued, at: float) -> Rollout:
    command = event.command
    touched = r.touched
    if isinstance(command, Shift) and not command.urgent:
        touched |= {command.router}
    begun = r.begun | {command.target} if isinstance(command, Start) else r.begun
    return replace(r, pending={**r.pending, command: Flight(event.attempt, at)}, touched=touched, begun=begun)


def _acquired(r: Rollout, event: e.Acquired, at: float) -> Rollout:
    """What was under way, or was seen, before this fence was ours does not count any more; nor does it that a router of it was silent."""
    same, reached = event.fence == r.fence, frozenset(event.reached)
    fresh = reached - r.reached if same else reached
    tries = {command: tries for command, tries in r.tries.items() if subject_of(command) not in fresh}
    seen = {name: split for name, split in r.seen.items() if name not in fresh}
    r = replace(
        r, fence=event.fence, reached=r.reached | fresh if same else fresh, seen=seen, owned=r.owned | fresh,
        fired=r.fired - fresh, settled=r.settled - fresh, pending=_without(r, Acquire) if same else {}, tries=tries,
    )  # fmt: skip
    if r.phase is Phase.ACQUIRING:
        return _enter(r, Phase.PLACING, at)
    if r.phase is Phase.RAISING:
        return _enter(r, Phase.WARMING if r.plan.cold else Phase.RETURNING, at)
    if r.phase is Phase.LOOKING and r.may_finish:
        return _go_on(r, at)
    return r


def _go_on(r: Rollout, at: float) -> Rollout:
    """Forward again after a crash: at the step that was reached, or from the placing where there was none."""
    if r.step >= 0:
        return _enter(r, Phase.ARMING, at)
    none: frozenset[str] = frozenset()
    return _enter(r, Phase.PLACING, at, placed=none, started=none, missing={}, nowhere=none, ready=none, rehearsed={})


def _refused(r: Rollout, event: e.Refused, at: float) -> Rollout:
    return replace(r, refused=event, pending={})


def _placed(r: Rollout, event: e.Placed, at: float) -> Rollout:
    placed = r.placed | {event.target}
    r = replace(r, placed=placed, missing=_missing(r, event), pending=_without(r, Place, event.target))
    everywhere = all(target.name in placed for target in r.plan.targets)
    return _enter(r, Phase.STARTING, at) if everywhere and r.phase is Phase.PLACING else r


def _started(r: Rollout, event: e.Started, at: float) -> Rollout:
    started = r.started | {event.target}
    r = replace(r, started=started, missing=_missing(r, event), pending=_without(r, Start, event.target))
    everywhere = all(target.name in started for target in r.plan.targets)
    return _enter(r, Phase.PROVING, at) if everywhere and r.phase is Phase.STARTING else r


def _missing(r: Rollout, event: e.Placed | e.Started) -> Mapping[str, tuple[Missing, ...]]:
    if not event.missing and event.target not in r.missing:
        return r.missing
    return {**r.missing, event.target: event.missing}


def _left_out(r: Rollout, event: e.LeftOut, at: float) -> Rollout:
    known = r.missing.get(event.target, ())
    missing = {**r.missing, event.target: (*known, *event.missing)}
    nowhere = r.nowhere if event.left else r.nowhere | {event.target}
    return replace(r, missing=missing, nowhere=nowhere, pending=_without(r, PutBack, event.target))


def _ready(r: Rollout, event: e.Ready, at: float) -> Rollout:
    ready = r.ready | {event.target}
    r = replace(r, ready=ready)
    if not all(target.name in ready for target in r.plan.targets):
        return r
    if r.phase is Phase.WARMING:
        return _enter(r, Phase.RETURNING, at)
    if r.phase is Phase.PROVING:
        return _enter(r, Phase.ARMING if r.plan.first else Phase.REHEARSING, at)
    return r


def _rehearsed(r: Rollout, event: e.Rehearsed, at: float) -> Rollout:
    rehearsed = {**r.rehearsed, event.router: event.seconds}
    r = replace(r, rehearsed=rehearsed, pending=_without(r, Rehearse, event.router))
    everywhere = all(name in rehearsed for name in r.routers())
    return _enter(r, Phase.ARMING, at) if everywhere and r.phase is Phase.REHEARSING else r


def _armed(r: Rollout, event: e.Armed, at: float) -> Rollout:
    """From here on no timer but ours can change the router: what was seen there before is not believed any more."""
    looked = {name: seen for name, seen in r.looked.items() if name != event.router}
    return replace(r, armed=r.armed | {event.router}, looked=looked, pending=_without(r, Arm, event.router))


def _step_begun(r: Rollout, event: e.StepBegun, at: float) -> Rollout:
    """Who goes on after a crash writes every split anew, under its own fence, also where it stands already."""
    seen: Mapping[str, Split] = {} if r.recovered else r.seen
    return _enter(r, Phase.SHIFTING, at, step=event.step, seen=seen, passed=None, judged=None, asked_approval=None)


def _shifted(r: Rollout, event: e.Shifted, at: float) -> Rollout:
    r = replace(r, seen={**r.seen, event.router: event.split}, pending=_without(r, Shift, event.router))
    if r.phase is Phase.SHIFTING and not event.urgent:
        if all(r.seen.get(router.name) == r.plan.split_at(r.step, router) for router in r.moving()):
            return _enter(r, Phase.BAKING if r.at_last_step else Phase.WATCHING, at)
        return r
    return _perhaps_back(r, at)


def _perhaps_back(r: Rollout, at: float) -> Rollout:
    """On the way back: traffic is home once nothing is astray any more."""
    if r.phase is not Phase.RETURNING or r.astray():
        return r
    return _enter(r, Phase.SETTLING, at, back_at=at if r.touched or r.plan.kind == "rollback" else None)


def _judged(r: Rollout, event: e.Judged, at: float) -> Rollout:
    return replace(r, judged=event, judged_at=at)


def _passed(r: Rollout, event: e.Passed, at: float) -> Rollout:
    return replace(r, passed=event)


def _approval_asked(r: Rollout, event: e.ApprovalAsked, at: float) -> Rollout:
    return replace(r, asked_approval=at)


def _approved(r: Rollout, event: e.Approved, at: float) -> Rollout:
    waited = at - r.asked_approval if r.asked_approval is not None else 0.0
    return replace(
        r,
        approved=r.approved | {event.step},
        asked_approval=None,
        credit=r.credit + waited,
        release_credit=r.release_credit + waited,
    )


def _paused(r: Rollout, event: e.Paused, at: float) -> Rollout:
    return replace(r, paused=event, paused_at=at)


def _resumed(r: Rollout, event: e.Resumed, at: float) -> Rollout:
    began = r.paused_at if r.paused else r.held_at if r.held else at
    credit = at - max(began, r.since) if r.phase in PATIENT else 0.0
    r = replace(r, resumed=r.resumed + 1, resumed_at=at, asked_approval=None) if r.held else r
    return replace(r, paused=None, held=None, credit=r.credit + credit, release_credit=r.release_credit + at - began)


def _held(r: Rollout, event: e.Held, at: float) -> Rollout:
    return replace(r, held=event, held_at=at)


def _asked(r: Rollout, event: e.Asked, at: float) -> Rollout:
    if event.verb == "advance" and event.to is not None:
        return replace(r, hurry=(event.to, event.by, event.reason))
    return r


def _commit_begun(r: Rollout, event: e.CommitBegun, at: float) -> Rollout:
    return _enter(r, Phase.COMMITTING, at, passed=None, committing=True)


def _turned_back(r: Rollout, event: e.TurnedBack, at: float) -> Rollout:
    if r.turned and r.phase in BACKWARD:
        return r
    kept = r.turned or event
    r = replace(
        r, turned=kept, turned_at=at if r.turned is None else r.turned_at, pending={}, tries={}, passed=None, paused=None,
        held=None, settled=frozenset(),
    )  # fmt: skip
    if r.phase is Phase.COMMITTING:
        # A router that took the commit has given the lease back: going back there needs a new fence, as a rollback does.
        r = replace(r, reached=frozenset())
    if r.goal is None or not (r.touched or r.plan.kind == "rollback"):
        return _enter(r, Phase.SETTLING, at)
    if r.plan.cold and not all(target.name in r.ready for target in r.plan.targets):
        return _enter(r, Phase.WARMING, at)
    return _perhaps_back(_enter(r, Phase.RETURNING, at), at)


def _settled(r: Rollout, event: e.Settled, at: float) -> Rollout:
    return replace(r, settled=r.settled | {event.router}, pending=_without(r, Settle, event.router))


def _stopped(r: Rollout, event: e.Stopped, at: float) -> Rollout:
    return replace(r, stopped=r.stopped | {event.target}, pending=_without(r, Stop, event.target))


def _cut_short(r: Rollout, event: e.CutShort, at: float) -> Rollout:
    return replace(r, cut={**r.cut, event.router: event.connections}, pending=_without(r, Cut, event.router))


def _collected(r: Rollout, event: e.Collected, at: float) -> Rollout:
    return replace(r, collected=r.collected | {event.target}, pending=_without(r, Collect, event.target))


def _effect_failed(r: Rollout, event: e.EffectFailed, at: float) -> Rollout:
    pending = {command: flight for command, flight in r.pending.items() if command != event.command}
    tries = {**r.tries, event.command: Tries(event.attempt, at, event.how, event.why)}
    return replace(r, pending=pending, tries=tries)


def _lost(r: Rollout, event: e.Lost, at: float) -> Rollout:
    r = _out_of_hand(r, event.router)
    return _perhaps_back(replace(r, lost=r.lost | {event.router}, owned=r.owned - {event.router}), at)


def _fired(r: Rollout, event: e.Fired, at: float) -> Rollout:
    return replace(_out_of_hand(r, event.router), fired=r.fired | {event.router})


def _out_of_hand(r: Rollout, router: str) -> Rollout:
    """We may not write there any more, and do not know what it shows."""
    pending = {command: flight for command, flight in r.pending.items() if subject_of(command) != router}
    seen = {name: split for name, split in r.seen.items() if name != router}
    return replace(r, pending=pending, seen=seen, reached=r.reached - {router}, armed=r.armed - {router})


def _router_seen(r: Rollout, event: e.RouterSeen, at: float) -> Rollout:
    seen = dict(r.seen)
    if event.split is not None:
        seen[event.router] = event.split
    r = replace(r, seen=seen, looked={**r.looked, event.router: event})
    return _perhaps_back(r, at)


def _alarmed(r: Rollout, event: e.Alarmed, at: float) -> Rollout:
    return replace(r, alarmed=r.alarmed | {event.limit})


def _recovered(r: Rollout, event: e.Recovered, at: float) -> Rollout:
    """Deadlines start again once; what was read back before the crash is not believed any more.

    A rollback that had not raised its fence begins again; everything else first looks at what the world shows.
    """
    begin = Phase.RAISING if r.plan.kind == "rollback" and not r.fence else Phase.LOOKING
    return _enter(
        r, begin, at, boot=event.boot, opened=at, turned_at=at, pending={}, tries={}, seen={}, looked={},
        reached=frozenset(), armed=frozenset(), lost=frozenset(), fired=frozenset(), settled=frozenset(), stopped=frozenset(), collected=frozenset(), passed=None,
        paused=None, held=None, hurry=None, asked_approval=None, release_credit=0.0, recovered=event, back_at=None,
        sealed=r.sealed or r.committed,
    )  # fmt: skip


def _finished(r: Rollout, event: e.Finished, at: float) -> Rollout:
    return _enter(r, Phase.DONE, at, finished=event, pending={})


def _unrecognised(r: Rollout, event: e.Unrecognised, at: float) -> Rollout:
    return replace(r, unrecognised=event.kind)


HANDLERS: dict[type, Handler] = {
    e.Issued: _issued,
    e.Acquired: _acquired,
    e.Refused: _refused,
    e.Placed: _placed,
    e.Started: _started,
    e.LeftOut: _left_out,
    e.Ready: _ready,
    e.Rehearsed: _rehearsed,
    e.Armed: _armed,
    e.StepBegun: _step_begun,
    e.Shifted: _shifted,
    e.Judged: _judged,
    e.Passed: _passed,
    e.ApprovalAsked: _approval_asked,
    e.Approved: _approved,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.Held: _held,
    e.Asked: _asked,
    e.CommitBegun: _commit_begun,
    e.TurnedBack: _turned_back,
    e.Settled: _settled,
    e.Stopped: _stopped,
    e.CutShort: _cut_short,
    e.Collected: _collected,
    e.EffectFailed: _effect_failed,
    e.Lost: _lost,
    e.Fired: _fired,
    e.RouterSeen: _router_seen,
    e.Alarmed: _alarmed,
    e.Recovered: _recovered,
    e.Finished: _finished,
    e.Unrecognised: _unrecognised,
}
