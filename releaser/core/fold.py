"""How does an entry of the journal change a rollout? `evolve` takes in one; nothing else ever changes a rollout.

What hosts and routers said is taken in by `fold_hosts` and `fold_routers`; here stands what was decided, by whomever.
"""

from collections.abc import Iterable, Mapping

from releaser.core import events as e
from releaser.core import fold_hosts, fold_routers
from releaser.core.commands import Shift, Start
from releaser.core.fold_change import Handler, enter, replace
from releaser.core.fold_routers import perhaps_back
from releaser.core.rollout import BACKWARD, PATIENT, Flight, Phase, Rollout, Tries
from releaser.core.values import Split

__all__ = ["evolve", "replay"]


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


def _issued(r: Rollout, event: e.Issued, at: float) -> Rollout:
    command = event.command
    touched = r.touched
    if isinstance(command, Shift) and not command.urgent:
        touched |= {command.router}
    begun = r.begun | {command.target} if isinstance(command, Start) else r.begun
    return replace(r, pending={**r.pending, command: Flight(event.attempt, at)}, touched=touched, begun=begun)


def _refused(r: Rollout, event: e.Refused, at: float) -> Rollout:
    return replace(r, refused=event, pending={})


def _step_begun(r: Rollout, event: e.StepBegun, at: float) -> Rollout:
    """Who goes on after a crash writes every split anew, under its own fence, also where it stands already."""
    seen: Mapping[str, Split] = {} if r.recovered else r.seen
    return enter(r, Phase.SHIFTING, at, step=event.step, seen=seen, passed=None, judged=None, asked_approval=None)


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
    return enter(r, Phase.COMMITTING, at, passed=None, committing=True)


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
        return enter(r, Phase.SETTLING, at)
    if r.plan.cold and not all(target.name in r.ready for target in r.plan.targets):
        return enter(r, Phase.WARMING, at)
    return perhaps_back(enter(r, Phase.RETURNING, at), at)


def _effect_failed(r: Rollout, event: e.EffectFailed, at: float) -> Rollout:
    pending = {command: flight for command, flight in r.pending.items() if command != event.command}
    tries = {**r.tries, event.command: Tries(event.attempt, at, event.how, event.why)}
    return replace(r, pending=pending, tries=tries)


def _alarmed(r: Rollout, event: e.Alarmed, at: float) -> Rollout:
    return replace(r, alarmed=r.alarmed | {event.limit})


def _recovered(r: Rollout, event: e.Recovered, at: float) -> Rollout:
    """Deadlines start again once; what was read back before the crash is not believed any more.

    A rollback that had not raised its fence begins again; everything else first looks at what the world shows.
    """
    begin = Phase.RAISING if r.plan.kind == "rollback" and not r.fence else Phase.LOOKING
    return enter(
        r, begin, at, boot=event.boot, opened=at, turned_at=at, pending={}, tries={}, seen={}, looked={},
        reached=frozenset(), armed=frozenset(), lost=frozenset(), fired=frozenset(), settled=frozenset(), stopped=frozenset(), collected=frozenset(), passed=None,
        paused=None, held=None, hurry=None, asked_approval=None, release_credit=0.0, recovered=event, back_at=None,
        sealed=r.sealed or r.committed,
    )  # fmt: skip


def _finished(r: Rollout, event: e.Finished, at: float) -> Rollout:
    return enter(r, Phase.DONE, at, finished=event, pending={})


def _unrecognised(r: Rollout, event: e.Unrecognised, at: float) -> Rollout:
    return replace(r, unrecognised=event.kind)


HANDLERS: dict[type, Handler] = {
    **fold_hosts.HANDLERS,
    **fold_routers.HANDLERS,
    e.Issued: _issued,
    e.Refused: _refused,
    e.StepBegun: _step_begun,
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
    e.EffectFailed: _effect_failed,
    e.Alarmed: _alarmed,
    e.Recovered: _recovered,
    e.Finished: _finished,
    e.Unrecognised: _unrecognised,
}
