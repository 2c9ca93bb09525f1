"""What does it take to go back to a release that was good? Needs nothing but what reachable ledgers say. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from releaser.config.choices import Choice, Memory, choices, remembered
from releaser.config.compile import outline
from releaser.config.environment import Environment
from releaser.config.observed import Refusal, Refusals, Seen, Unchanged, other_slot
from releaser.core.plan import Budget, Plan, Step, Undo
from releaser.core.values import Binding, Split
from releaser.ports import LedgerState

__all__ = ["Choice", "choices", "compile_rollback"]


def compile_rollback(
    environment: Environment,
    observed: Sequence[Seen],
    *,
    to: str | None = None,
    mark_bad: bool = True,
    freeze: float | None = None,
    running: Collection[str] | None = None,
    budget: Budget | None = None,
    calling_off: bool = False,
) -> Plan | Refusals | Unchanged:
    """The plan that goes back: to `to` (a release or version), or to the last good one.

    Routers without an answer stay in the plan: they are tried again and again. `freeze` is in seconds, None: as the
    environment says. `running` are the releases seen running in their slot; None: nobody looked, the ledger is believed.
    `calling_off` takes back a release under way to what was there before, also where that was marked bad once.
    """
    name = environment.name
    memory = remembered(observed)
    if memory is None:
        why = f"no router of {name} answers; each goes back by its own timer if a release was under way"
        return Refusals((Refusal("unreachable", why, (f"releaser status -e {name}",)),))
    leaving = memory.leaving
    if leaving is None:
        return Unchanged(None, f"nothing was released to {name} yet")
    target = _target(name, memory, to, calling_off=calling_off)
    if isinstance(target, Unchanged) and running is not None and target.release not in {None, *running}:
        target = _checked(name, memory, str(target.release))  # what answers by the ledgers runs nowhere: it is started
    if not isinstance(target, str):
        return target
    binding = _binding(name, memory, target)
    if isinstance(binding, Refusals):
        return binding
    cold = target not in memory.slots.values() or (running is not None and target not in running)
    return replace(
        _to(target, environment, observed, memory, binding, cold=cold),
        budget=budget or Budget(),
        mark_bad=mark_bad,
        freeze=_freeze(environment, freeze, again=leaving == target),
    )


def _to(
    target: str, environment: Environment, observed: Sequence[Seen], memory: Memory, binding: Binding, *, cold: bool
) -> Plan:
    """One shift to `target`, on all routers together; `cold`: it is started first."""
    leaving = memory.leaving
    return replace(
        outline("rollback", environment, memory.releases[target], observed, binding),
        origin=leaving if leaving != target and leaving in dict(binding).values() else None,
        steps=(Step(100),),
        before=_before(observed, memory.newest),
        playbook="rollback",
        bake=0.0,
        cold=cold,
        again=leaving == target and not _was_taken_back(memory),
        undo=Undo(None, warm=not cold),
    )


def _freeze(environment: Environment, asked: float | None, *, again: bool) -> float:
    """Seconds. What is only started again was not taken back, so nothing has to be kept from coming again."""
    if asked is not None:
        return asked
    return 0.0 if again else environment.freeze_after_rollback


def _target(name: str, memory: Memory, to: str | None, *, calling_off: bool) -> str | Refusals | Unchanged:
    current = memory.newest.current
    if to is not None:
        return _named(name, memory, to)
    if memory.candidate not in {None, current}:
        return _home(name, memory, calling_off=calling_off)
    further = tuple(f"releaser rollback -e {name} --to {release}" for release in memory.older[:1])
    if memory.candidate is None and _was_taken_back(memory):
        return Unchanged(current, f"{name} is already on {current}, the last release was taken back", further)
    if not memory.older:
        why = f"{current} is the only good release of {name}: there is no way back"
        return Refusals((Refusal("no-way-back", why, (f"releaser rollback -e {name} --list",)),))
    return _checked(name, memory, memory.older[0])


def _was_taken_back(memory: Memory) -> bool:
    """What a person who asks for the way back a second time must be told; a mere new start changes nothing about it."""
    settled = memory.newest.settled
    return settled is not None and settled[1] == "reverted"


def _home(name: str, memory: Memory, *, calling_off: bool) -> str | Refusals:
    """Where the release under way is taken back to: what runs beside it, unless that was taken back once itself.

    `calling_off` puts back what was there before, whatever is said of it: that is not a choice of a good release.
    """
    current = memory.newest.current
    if current is None:
        why = f"{memory.candidate} is the first release of {name}: there is no way back"
        return Refusals((Refusal("no-way-back", why, (f"releaser abort -e {name}",)),))
    if calling_off or current not in memory.bad:
        return _checked(name, memory, current)
    why = f"{current}, which runs beside {memory.candidate}, was taken back before: {memory.bad[current]}"
    fix = (f"releaser abort -e {name}", *(f"releaser rollback -e {name} --to {release}" for release in memory.older))
    return Refusals((Refusal("bad", why, fix),))


def _named(name: str, memory: Memory, to: str) -> str | Refusals | Unchanged:
    """A release by its id, or the newest good one of a version."""
    ledger = memory.newest
    good = (*ledger.good, *((ledger.current,) if ledger.current and ledger.current not in ledger.good else ()))
    known = [id_ for id_ in good if id_ == to or (id_ in memory.releases and memory.releases[id_].version == to)]
    bad = [id_ for id_ in memory.bad if id_ == to or (id_ in memory.releases and memory.releases[id_].version == to)]
    usable = [id_ for id_ in known if id_ not in memory.bad and id_ != memory.candidate]
    if usable and usable[0] == ledger.current and memory.candidate is None:
        return Unchanged(ledger.current, f"{name} is already on {ledger.current}")
    if usable:
        return _checked(name, memory, usable[0])
    listed = tuple(f"releaser rollback -e {name} --to {id_}" for id_ in memory.older)
    fix = listed or (f"releaser rollback -e {name} --list",)
    if memory.candidate in known:
        why = f"{memory.candidate} is what the release under way brings, so it is no way back from it"
        return Refusals((Refusal("under-way", why, (f"releaser rollback -e {name}", *listed)),))
    if bad:
        return Refusals((Refusal("bad", f"{bad[0]} was taken back before: {memory.bad[bad[0]]}", fix),))
    why = f"{to[:80]} was never committed to {name}, so nobody knows whether it is good"
    return Refusals((Refusal("unknown-release", why, fix),))


def _checked(name: str, memory: Memory, release: str) -> str | Refusals:
    if release in memory.releases:
        return release
    why = f"the ledgers of {name} name {release} and do not know its digests, so it cannot be proven to be the same"
    fix = tuple(f"releaser rollback -e {name} --to {id_}" for id_ in memory.older if id_ in memory.releases)
    return Refusals((Refusal("unknown-release", why, fix or (f"releaser status -e {name}",)),))


def _binding(name: str, memory: Memory, target: str) -> Binding | Refusals:
    """As it is where a slot holds the target; a cold one takes the slot that what runs does not hold."""
    current = memory.newest.current
    held = {release: slot for slot, release in memory.slots.items()}
    if target in held:
        return tuple(sorted(memory.slots.items()))
    if memory.candidate is not None:
        why = f"both slots serve the release under way, so {target} finds none; let a rollback of it end first"
        return Refusals((Refusal("no-slot", why, (f"releaser rollback -e {name}",)),))
    if current is None or current not in held:
        return (("blue", target),)
    return tuple(sorted(((held[current], current), (other_slot(held[current]), target))))


def _before(observed: Sequence[Seen], newest: LedgerState) -> Split | None:
    """What users get now, by the first router that says so."""
    return next((seen.state.split for seen in observed if seen.state is not None and seen.state.split), newest.split)
