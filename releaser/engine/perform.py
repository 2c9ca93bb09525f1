"""The one place where commands meet the world: each becomes calls of ports, and whatever comes of them becomes facts."""

from collections.abc import Callable
from functools import partial
from typing import Any

from releaser.core import events as e
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
    subject_of,
)
from releaser.core.decision import GUARD_GENERATION, REHEARSAL_GENERATION, generation_of
from releaser.core.limits import within
from releaser.core.rollout import Rollout
from releaser.core.values import Reading
from releaser.engine.leases import acquire, tried
from releaser.engine.messages import Fact, Facts
from releaser.errors import FailedError, FencedError, HeldError, PortError, RefusedError, UnknownError, UnreachableError
from releaser.ports import Clock, Frozen, Settling, World

__all__ = ["perform", "whose"]

PERSISTENT = 3
"""At so many tries to start the release of a cold way back it is enough that one host has it."""


def perform(command: Command, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """Do it, and say what happened. Never raises: an error of ours is an answer too, so that no release hangs on one."""
    try:
        return ACTIONS[type(command)](command, attempt, r, world, clock)
    except FencedError as error:
        return (_fenced(command, attempt, r, world, error),)
    except UnreachableError as error:
        return _no_answer(command, attempt, "unreachable", str(error))
    except UnknownError as error:
        return _no_answer(command, attempt, "unknown", str(error))
    except (PortError, RefusedError, HeldError) as error:
        remedy = f" (to mend it: {', or '.join(error.fix)})" if error.fix else ""
        return _no_answer(command, attempt, "failed", f"{error}{remedy}")
    except Exception as error:  # noqa: BLE001 - a defect in an adapter must end in a rollback, not in a dead thread
        return _no_answer(command, attempt, "failed", f"{type(error).__name__}: {error}")


def _fenced(command: Command, attempt: int, r: Rollout, world: World, error: FencedError) -> Fact:
    router = subject_of(command)
    if router not in world.sites:
        return e.EffectFailed(command, attempt, "failed", str(error))
    return whose(router, r.id, world, error) or e.EffectFailed(command, attempt, "unknown", str(error))


def whose(router: str, rollout: str, world: World, error: FencedError) -> e.Lost | e.Fired | None:
    """We may not write there any more: did another rollout take it, or is it only our own time that is over? None: unknown."""
    try:
        owner = world.sites[router].ledger.read(within=3.0).rollout
    except PortError:
        return None
    return e.Fired(router, str(error)) if owner == rollout else e.Lost(router, str(error))


def _no_answer(command: Command, attempt: int, how: Any, why: str) -> Facts:
    """No news of a question is news too: a reading without a verdict, counters without numbers."""
    if isinstance(command, CheckHealth):
        return (e.HealthRead(command.target, command.release, Reading(None, why)),)
    if isinstance(command, Count):
        return (e.Counted(command.router, None, why),)
    return (e.EffectFailed(command, attempt, how, why),)


def _place(command: Place, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    missing = world.targets[command.target].place(r.plan.to, fence=r.fence, within=within(command, r.plan))
    return (e.Placed(command.target, r.plan.to.id, tuple(missing)),)


def _start(command: Start, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """A third release takes the slot of the warm one, which nobody is sent to any more."""
    target, limit = world.targets[command.target], within(command, r.plan)
    slots = tried(partial(target.inspect, within=limit / 4))
    # A host that does not answer must not keep the others from their start: the start itself names it.
    for held in () if isinstance(slots, PortError) else slots:
        for other in held.busy if held.slot == command.slot else ():
            if other != command.release:
                _evict(other, command, r, world, limit / 4)
    without = r.without(command.target)
    cold = r.plan.kind == "rollback" and r.plan.cold
    lenient = cold and attempt >= PERSISTENT  # a dead host must not keep the others, and all users, from it
    missing = target.start(r.plan.to, command.slot, fence=r.fence, within=limit / 2, without=without, lenient=lenient)
    return (e.Started(command.target, command.release, (*r.missing.get(command.target, ()), *missing)),)


def _put_back(command: PutBack, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    target, limit = world.targets[command.target], within(command, r.plan)
    told = target.put_back(command.release, command.slot, command.missing, fence=r.fence, within=limit)
    gone = r.without(command.target).union(one.host for one in told)
    return (e.LeftOut(command.target, command.release, tuple(told), len(gone.symmetric_difference(target.names()))),)


def _evict(release: str, command: Start, r: Rollout, world: World, limit: float) -> None:
    if r.plan.before and r.plan.before.weight(release):
        raise FailedError(
            f"slot {command.slot} of {command.target} runs {release}, which has traffic: it is not stopped"
        )
    world.targets[command.target].stop(release, command.slot, fence=r.fence, after=0.0, within=limit)


def _stop(command: Stop, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """After a commit the old release stays warm; after a way back the candidate only drains."""
    wait = r.plan.drain if r.turned or r.plan.kind == "rollback" else r.plan.keep_warm
    world.targets[command.target].stop(
        command.release, command.slot, fence=r.fence, after=wait, within=within(command, r.plan)
    )
    return (e.Stopped(command.target, command.release, wait),)


def _collect(command: Collect, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """Every ledger's word on what is good and what is evidence; without the word of all of them nothing is removed.

    A way back removes nothing, and so needs nobody's word.
    """
    if r.plan.kind == "rollback":
        limit = within(command, r.plan)
        world.targets[command.target].collect(command.release, None, fence=r.fence, within=limit)
        return (e.Collected(command.target, command.release),)
    limit = within(command, r.plan) / 2
    asked = [partial(tried, partial(site.ledger.read, within=limit)) for site in world.sites.values()]
    keep: dict[str, None] = {}
    for ledger in world.together(asked):
        if isinstance(ledger, PortError):
            raise ledger
        keep |= dict.fromkeys([*ledger.good, *([ledger.evidence] if ledger.evidence else [])])
    removed = world.targets[command.target].collect(command.release, tuple(keep), fence=r.fence, within=limit)
    return (e.Collected(command.target, command.release, tuple(removed)),)


def _check_health(command: CheckHealth, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    slot = r.plan.slot(command.release)
    without, limit = r.without(command.target), r.plan.health.timeout
    reading = world.probes[command.target].read(r.plan.to, slot, within=limit, without=without)
    return (e.HealthRead(command.target, command.release, reading),)


def _rehearse(command: Rehearse, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    seconds = world.sites[command.router].switch.rehearse(
        _home(r),
        r.plan.binding,
        generation_of(r.fence, REHEARSAL_GENERATION),
        fence=r.fence,
        within=within(command, r.plan),
        away=r.away(command.router),
    )
    return (e.Rehearsed(command.router, seconds),)


def _arm(command: Arm, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """Whoever goes on after a crash reads once more: until now the dead one's timer could still run out and go back."""
    timer = r.plan.budget.deadman
    generation, away = generation_of(r.fence, GUARD_GENERATION), r.away(command.router)
    world.sites[command.router].switch.arm(
        _home(r), r.plan.binding, generation, fence=r.fence, timer=timer, within=5.0, away=away
    )
    armed = e.Armed(command.router, timer)
    if r.recovered and r.recovered.finish:
        return (armed, *_look(Look(command.router), attempt, r, world, clock))
    return (armed,)


def _home(r: Rollout) -> Any:
    if r.plan.before is None:
        raise RefusedError("there is no split to go back to: this is the first release")
    return r.plan.before


def _shift(command: Shift, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """Write and read back under one lock. A repeat reads first: what is there already is not written again."""
    router, began, limit = world.sites[command.router].router, clock.now(), within(command, r.plan)
    if attempt > 1:
        state = router.read(r.plan.binding, within=limit / 2)
        if (state.split, state.generation) == (command.split, command.generation):
            return (_shifted(command, state.generation, clock.now() - began),)
    away = r.away(command.router)
    state = router.shift(command.split, r.plan.binding, command.generation, fence=r.fence, within=limit, away=away)
    if state.split != command.split:
        raise UnknownError(f"{command.router} reads back {state.split}, not {command.split}")
    return (_shifted(command, state.generation, clock.now() - began),)


def _shifted(command: Shift, generation: int, seconds: float) -> Fact:
    return e.Shifted(command.router, command.split, generation, seconds, urgent=command.urgent)


def _count(command: Count, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    counts = world.sites[command.router].counters.count(r.plan.binding, within=within(command, r.plan))
    return (e.Counted(command.router, tuple(sorted(counts.items()))),)


def _look(command: Look, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    site, limit = world.sites[command.router], within(command, r.plan) / 2
    state, ledger = site.router.read(r.plan.binding, within=limit), site.ledger.read(within=limit)
    ended = ledger.settled[1] if ledger.settled and ledger.settled[0] == r.id else None
    return (
        e.RouterSeen(
            command.router,
            state.split,
            state.generation,
            ledger.armed_left is not None,
            ended,
            ledger.rollout,
            ledger.fence,
        ),
    )


def _cut(command: Cut, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    cutter = world.sites[command.router].cutter
    if cutter is None:
        raise FailedError(f"{command.router} cannot end them; they end with the slot")
    ended = cutter.cut(command.release, r.plan.binding, fence=r.fence, within=within(command, r.plan))
    return (e.CutShort(command.router, command.release, ended),)


def _settle(command: Settle, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    world.sites[command.router].ledger.settle(
        settling(command, r, world), fence=r.fence, within=within(command, r.plan)
    )
    return (e.Settled(command.router, command.settlement),)


def settling(command: Settle, r: Rollout, world: World) -> Settling:
    """What the ledger is told at the end: who answers from now on, who is bad and why, whether the environment is frozen."""
    plan, turned = r.plan, r.turned
    promoted = command.settlement == "committed"
    current = plan.to.id if promoted or plan.kind == "rollback" else plan.origin
    why = turned.why if turned else r.reason or "taken back by hand"
    by = turned.by if turned else r.by
    bad = None
    if plan.kind == "rollback" and plan.mark_bad and plan.origin:
        bad = (plan.origin, why)
    elif turned and turned.mark_bad:
        bad = (plan.to.id, why)
    seconds = turned.freeze if turned else plan.freeze
    frozen = Frozen(by, f"rolled back: {why}", seconds) if seconds > 0 else None
    brought = promoted or plan.cold  # routers were told who has it
    away = tuple(sorted(r.without(plan.target_of(command.router)))) if brought else None
    return Settling(command.settlement, r.id, current, bad, frozen, world.journal_head(), plan.keep, away)


ACTIONS: dict[type, Callable[[Any, int, Rollout, World, Clock], Facts]] = {
    Acquire: acquire,
    Place: _place,
    Start: _start,
    PutBack: _put_back,
    Stop: _stop,
    Collect: _collect,
    CheckHealth: _check_health,
    Rehearse: _rehearse,
    Arm: _arm,
    Shift: _shift,
    Count: _count,
    Look: _look,
    Settle: _settle,
    Cut: _cut,
}
