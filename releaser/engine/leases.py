"""How does a rollout come to hold every router: all of them in one order before it begins, those that answer for its way back."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from releaser.core import events as e
from releaser.core.commands import Acquire
from releaser.core.plan import Expected
from releaser.core.rollout import Rollout
from releaser.engine.messages import Facts
from releaser.errors import FencedError, HeldError, PortError, RefusedError, UnreachableError
from releaser.ports import Claim, Clock, LedgerState, Settling, World

__all__ = ["acquire", "tried"]


def acquire(command: Acquire, attempt: int, r: Rollout, world: World, clock: Clock) -> Facts:
    """Every ledger before the first act, or, by force, those that answer, for the way back."""
    return _raise_fence(command, attempt, r, world) if command.force else _take_lease(r, world)


def _claim(r: Rollout, world: World, seen_fence: int | None) -> Claim:
    plan = r.plan
    return Claim(
        holder=world.holder,
        rollout=r.id,
        release=plan.to,
        before=plan.before if plan.kind == "promote" else None,
        binding=plan.binding,
        lease=plan.budget.deadman,
        playbook=plan.playbook,
        journal=world.journal_head(),
        unfreeze=plan.unfreeze,
        expected_fence=seen_fence,
        leaving=plan.origin if plan.kind == "rollback" else None,
    )


def _take_lease(r: Rollout, world: World) -> Facts:
    """Every ledger in sorted order under one fence, 1 + the highest seen; on a refusal all are given back."""
    names = sorted(world.sites)
    states = {name: world.sites[name].ledger.read(within=5.0) for name in names}
    if all(state.rollout == r.id for state in states.values()):
        # An earlier attempt got through and its answer was lost: the same fence again is the same act.
        fence = max(state.fence for state in states.values())
    else:
        fence = 1 + max(state.fence for state in states.values())
    expected = {seen.router: seen for seen in r.plan.expected}
    taken: list[str] = []
    try:
        for name in names:
            known = expected[name].fence if name in expected and states[name].rollout != r.id else None
            world.sites[name].ledger.acquire(_claim(r, world, known), fence, force=False, within=5.0)
            taken.append(name)
        for name in names:
            if name in expected:
                _check_drift(r, world, expected[name])
    except (HeldError, RefusedError, FencedError) as refusal:
        _give_back(r, world, taken, fence)
        code = {HeldError: "lock-held", FencedError: "outdated"}.get(type(refusal), refusal.code)
        return (e.Refused(code, str(refusal), tuple(refusal.fix)),)
    except PortError:
        _give_back(r, world, taken, fence)
        raise
    return (e.Acquired(fence, tuple(names)),)


def _check_drift(r: Rollout, world: World, seen: Expected) -> None:
    """What the router itself serves must be what the plan was made for."""
    state = world.sites[seen.router].router.read(r.plan.binding, within=5.0)
    if state.split != seen.split:
        raise RefusedError(
            f"{seen.router} serves {state.split or 'nothing'}, the plan was made for {seen.split or 'nothing'}",
            code="drift",
            fix=("make a new plan: releaser plan",),
        )


def _give_back(r: Rollout, world: World, taken: list[str], fence: int) -> None:
    """Best effort: a lease that cannot be given back ends by itself."""
    cancelled = Settling("cancelled", r.id, None)
    for name in taken:
        try:
            world.sites[name].ledger.settle(cancelled, fence=fence, within=5.0)
        except PortError:
            continue


def _raise_fence(command: Acquire, attempt: int, r: Rollout, world: World) -> Facts:
    """The fence on whichever routers answer, at once, whoever holds a lease there. What a newer rollout took stays its own."""
    names = [name for name in r.routers() if name not in r.lost and name not in r.settled]
    read = world.together([partial(tried, partial(world.sites[name].ledger.read, within=3.0)) for name in names])
    states = {name: state for name, state in zip(names, read, strict=True) if isinstance(state, LedgerState)}
    if not states:
        raise UnreachableError("no router answers")
    newer = [name for name, state in states.items() if r.fence and state.fence >= r.fence and state.rollout != r.id]
    lost = tuple(e.Lost(name, f"{states[name].rollout or 'somebody'} took it since") for name in newer)
    fence, wanted = _next_fence(r, {name: state.fence for name, state in states.items() if name not in newer})
    calls = {
        n: partial(world.sites[n].ledger.acquire, _claim(r, world, None), fence, force=True, within=3.0) for n in wanted
    }
    answers = world.together([partial(tried, call) for call in calls.values()])
    reached = tuple(name for name, answer in zip(wanted, answers, strict=True) if isinstance(answer, LedgerState))
    if not reached:
        return (*lost, e.EffectFailed(command, attempt, "unreachable", "no router took the new fence"))
    return (*lost, e.Acquired(fence, reached, tuple(name for name in names if name not in reached)))


def _next_fence(r: Rollout, fences: Mapping[str, int]) -> tuple[int, list[str]]:
    """(fence, routers that take it): ours on those that lack it where it is above theirs; else 1 + the highest, on all."""
    missing = [name for name in fences if name not in r.reached]
    if r.reached and all(fences[name] < r.fence for name in missing):
        return r.fence, missing
    return 1 + max(fences.values(), default=r.fence), list(fences)


def tried(call: Callable[[], Any]) -> Any:
    """What it returns, or the error of the port: one silent router keeps nobody from hearing the others."""
    try:
        return call()
    except PortError as error:
        return error
