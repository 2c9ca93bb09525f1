"""Which release can we go back to, and what does that take? Needs nothing but what reachable ledgers say. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from releaser.config.compile import expected, health_rule, poll_of
from releaser.config.environment import Environment, canonical, router_refs, target_refs
from releaser.config.observed import Refusal, Refusals, Seen, Unchanged, other_slot, slot_of
from releaser.core.plan import Budget, Plan, Step, Undo
from releaser.core.values import Binding, Release, Split
from releaser.ports import LedgerState

__all__ = ["Choice", "choices", "compile_rollback"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A release that was committed here once. `bad`: why it was taken back; it is no target then."""

    release: str
    warm: bool
    """A slot still holds it."""
    current: bool = False
    bad: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the reachable ledgers remember together: the newest decides, what is bad on one is bad."""

    newest: LedgerState
    bad: dict[str, str]
    releases: dict[str, Release]

    @property
    def leaving(self) -> str | None:
        """What goes away: the candidate of an open rollout, else what runs."""
        return self.newest.candidate or self.newest.current


def choices(observed: Sequence[Seen]) -> tuple[Choice, ...]:
    """Where a rollback could go, newest first, with the running one and the bad ones marked. Empty: nobody answered."""
    memory = _memory(observed)
    if memory is None:
        return ()
    current, slots = memory.newest.current, memory.newest.slots.values()
    return tuple(
        Choice(release, release in slots, release == current, memory.bad.get(release)) for release in memory.newest.good
    )


def compile_rollback(
    environment: Environment,
    observed: Sequence[Seen],
    *,
    to: str | None = None,
    mark_bad: bool = True,
    freeze: float | None = None,
    running: Collection[str] | None = None,
    budget: Budget | None = None,
    undo: Undo | None = None,
) -> Plan | Refusals | Unchanged:
    """The plan that goes back: to `to` (a release or version), or to the last good one.

    Routers without an answer stay in the plan: they are tried again and again. `freeze` is in seconds, None: as the
    environment says. `running` are the releases seen running in their slot; None: nobody looked, the ledger is believed.
    """
    name = environment.name
    memory = _memory(observed)
    if memory is None:
        why = f"no router of {name} answers; each goes back by its own timer if a release was under way"
        return Refusals((Refusal("unreachable", why, (f"releaser doctor -e {name}",)),))
    leaving = memory.leaving
    if leaving is None:
        return Unchanged(None, f"nothing was released to {name} yet")
    target = _target(name, memory, to)
    if not isinstance(target, str):
        return target
    binding = _binding(memory.newest, target)
    if binding is None:
        why = (
            f"both slots serve the release under way, so {target} finds none; first go back to {memory.newest.current}"
        )
        return Refusals((Refusal("no-slot", why, (f"releaser rollback -e {name}",)),))
    cold = slot_of(memory.newest, target) is None or (running is not None and target not in running)
    return Plan(
        kind="rollback",
        environment=name,
        to=memory.releases[target],
        origin=leaving,
        binding=binding,
        targets=target_refs(environment, together=True),
        routers=router_refs(environment, together=True),
        steps=(Step(100),),
        before=_before(observed, memory.newest),
        playbook="rollback",
        bake=0.0,
        health=health_rule(environment),
        budget=budget or Budget(),
        keep_warm=environment.fleet.keep_warm,
        drain=environment.fleet.drain,
        poll=poll_of(environment),
        mark_bad=mark_bad,
        freeze=environment.freeze_after_rollback if freeze is None else freeze,
        cold=cold,
        expected=expected(observed),
        undo=undo or Undo(None, warm=not cold),
        config=canonical(environment),
    )


def _memory(observed: Sequence[Seen]) -> Memory | None:
    ledgers = sorted((seen.ledger for seen in observed if seen.ledger is not None), key=lambda ledger: ledger.fence)
    if not ledgers:
        return None
    bad: dict[str, str] = {}
    releases: dict[str, Release] = {}
    for ledger in ledgers:
        bad |= ledger.bad
        releases |= ledger.releases
    return Memory(ledgers[-1], bad, releases)


def _target(name: str, memory: Memory, to: str | None) -> str | Refusals | Unchanged:
    ledger, current = memory.newest, memory.newest.current
    if to is not None:
        return _named(name, memory, to)
    if ledger.candidate not in {None, current}:
        if current is None:
            why = f"{ledger.candidate} is the first release of {name}: there is no way back"
            return Refusals((Refusal("no-way-back", why, (f"releaser abort -e {name}",)),))
        return _checked(name, memory, current)
    older = _older(memory)
    further = tuple(f"releaser rollback -e {name} --to {release}" for release in older[:1])
    if ledger.settled is not None and ledger.settled[1] == "reverted":
        return Unchanged(current, f"{name} is already on {current}, the last release was taken back", further)
    if not older:
        why = f"{current} is the only good release of {name}: there is no way back"
        return Refusals((Refusal("no-way-back", why, (f"releaser rollback -e {name} --list",)),))
    return _checked(name, memory, older[0])


def _named(name: str, memory: Memory, to: str) -> str | Refusals | Unchanged:
    """A release by its id, or the newest good one of a version."""
    ledger = memory.newest
    good = (*ledger.good, *((ledger.current,) if ledger.current and ledger.current not in ledger.good else ()))
    known = [id_ for id_ in good if id_ == to or (id_ in memory.releases and memory.releases[id_].version == to)]
    bad = [id_ for id_ in memory.bad if id_ == to or (id_ in memory.releases and memory.releases[id_].version == to)]
    usable = [id_ for id_ in known if id_ not in memory.bad]
    if not usable:
        listed = _older(memory)
        fix = tuple(f"releaser rollback -e {name} --to {id_}" for id_ in listed) or (
            f"releaser rollback -e {name} --list",
        )
        if bad:
            return Refusals((Refusal("bad", f"{bad[0]} was taken back before: {memory.bad[bad[0]]}", fix),))
        why = f"{to[:80]} was never committed to {name}, so nobody knows whether it is good"
        return Refusals((Refusal("unknown-release", why, fix),))
    if usable[0] == ledger.current and ledger.candidate is None:
        return Unchanged(ledger.current, f"{name} is already on {ledger.current}")
    return _checked(name, memory, usable[0])


def _checked(name: str, memory: Memory, release: str) -> str | Refusals:
    if release in memory.releases:
        return release
    why = f"the ledgers of {name} name {release} and do not know its digests, so it cannot be proven to be the same"
    fix = tuple(f"releaser rollback -e {name} --to {id_}" for id_ in _older(memory) if id_ in memory.releases)
    return Refusals((Refusal("unknown-release", why, fix or (f"releaser status -e {name}",)),))


def _older(memory: Memory) -> list[str]:
    """Good releases before the running one that were not taken back, newest first."""
    good, current = memory.newest.good, memory.newest.current
    after = good[good.index(current) + 1 :] if current in good else good
    return [release for release in after if release != current and release not in memory.bad]


def _binding(ledger: LedgerState, target: str) -> Binding | None:
    """As it is where a slot holds the target; a cold one takes the slot that what runs does not hold."""
    if slot_of(ledger, target) is not None:
        return tuple(sorted(ledger.slots.items()))
    if ledger.candidate is not None:
        return None
    held = slot_of(ledger, ledger.current) if ledger.current else None
    if held is None or ledger.current is None:
        return (("blue", target),)
    return tuple(sorted(((held, ledger.current), (other_slot(held), target))))


def _before(observed: Sequence[Seen], newest: LedgerState) -> Split | None:
    """What users get now, by the first router that says so."""
    return next((seen.state.split for seen in observed if seen.state is not None and seen.state.split), newest.split)
