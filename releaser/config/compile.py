"""What would bring this release to everyone? environment + playbook + release + observed -> Plan, or why not. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from releaser.config import obstacles
from releaser.config.absences import absences, cannot_leave_out
from releaser.config.environment import Environment, Probe, canonical, router_refs, target_refs
from releaser.config.observed import Around, Refusal, Refusals, Seen, Unchanged, Underway, drift, other_slot, slot_of
from releaser.config.playbook import Playbook
from releaser.core.absent import Allowed
from releaser.core.analysis.errors_good import step_tolerances
from releaser.core.plan import Approval, Budget, Expected, HealthRule, Judging, Plan, Step
from releaser.core.values import Binding, Release, Split
from releaser.ports import LedgerState

__all__ = ["compile_promotion", "health_rule", "outline"]

NOTHING_AROUND = Around()


def compile_promotion(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    observed: Sequence[Seen],
    around: Around = NOTHING_AROUND,
    *,
    stable_is_down: bool = False,
    retry_bad: bool = False,
    unfreeze: bool = False,
) -> Plan | Refusals | Unchanged | Underway:
    """The plan that brings `release` to `environment`. Every refusal is answered, not only the first.

    `observed` has one entry for each of `router_refs(environment)`. A person may know that stable is down, and wish for a
    release that was bad before (`retry_bad`), or for one in spite of a freeze (`unfreeze`).
    """
    if not observed:
        raise ValueError("a plan is made against what the routers said")
    name = environment.name
    if mute := obstacles.mute_routers(name, observed):
        return Refusals(tuple(mute))
    ledgers = [seen.ledger for seen in observed if seen.ledger is not None]
    if underway := _underway(ledgers, release):
        return underway
    refusals = obstacles.busy(name, ledgers) or drift(name, observed)
    refusals += obstacles.mute_targets(name, around.silent_targets)
    if not refusals and not around.trouble and all(ledger.current == release.id for ledger in ledgers):
        return Unchanged(release.id, f"{name} already runs {release.id}: the same artifact, config and secrets")
    origin, binding = ledgers[0].current, _binding(ledgers[0], release.id)
    if origin is not None and around.trouble and (origin == release.id or not stable_is_down):
        refusals.append(obstacles.stable_is_dead(name, origin, around.trouble, release, hangs=around.hangs))
    refusals += obstacles.occupied(name, binding, release.id, around.taken, first=origin is None)
    refusals += _on_record(environment, playbook, release, ledgers, retry_bad=retry_bad, unfreeze=unfreeze)
    refusals += [] if origin is None else obstacles.too_fine(playbook, observed)
    refusals += obstacles.slow_way_back(playbook.name, playbook.budget, around.undo.seconds)
    refusals += cannot_leave_out(environment, around.alike)
    if refusals:
        return Refusals(tuple(refusals))
    plan = replace(outline("promote", environment, release, observed, binding), unfreeze=unfreeze, undo=around.undo)
    return _from(origin, plan, environment, playbook, stable_is_down=stable_is_down)


def _underway(ledgers: Sequence[LedgerState], release: Release) -> Underway | None:
    """A rollout that is alive and brings this very release."""
    alive = next((ledger.holder for ledger in ledgers if ledger.holder and ledger.holder.left > 0), None)
    if alive is None or alive.release != release.id:
        return None
    return Underway(alive.rollout, alive.name)


def _on_record(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    ledgers: Sequence[LedgerState],
    *,
    retry_bad: bool,
    unfreeze: bool,
) -> list[Refusal]:
    """What the ledgers hold against this release."""
    return [
        *([] if unfreeze else obstacles.frozen(environment.name, playbook.name, release.version, ledgers)),
        *([] if retry_bad else obstacles.bad_before(environment.name, release, ledgers)),
        *obstacles.other_artifact(environment, release, ledgers),
    ]


def outline(
    kind: Literal["promote", "rollback"],
    environment: Environment,
    to: Release,
    observed: Sequence[Seen],
    binding: Binding,
) -> Plan:
    """What the environment and its routers say of a plan, with no word of what runs now; a rollback moves all of them together."""
    fleet, together = environment.fleet, kind == "rollback"
    return Plan(
        kind=kind,
        environment=environment.name,
        to=to,
        origin=None,
        binding=binding,
        targets=target_refs(environment, together=together),
        routers=router_refs(environment, together=together),
        health=health_rule(environment),
        keep_warm=fleet.keep_warm,
        keep=fleet.keep,
        drain=fleet.drain,
        cut_after=fleet.cut_after,
        poll=_poll(environment),
        expected=_expected(observed),
        allowed=Allowed(fleet.max_failed, fleet.max_unreachable),
        absent=absences(environment, observed, binding),
        config=canonical(environment),
    )


def _from(
    origin: str | None, plan: Plan, environment: Environment, playbook: Playbook, *, stable_is_down: bool
) -> Plan:
    """By which steps `plan` leads away from `origin`, judged how, within which times, and what follows a failure."""
    budget = playbook.budget
    return replace(
        plan,
        origin=origin,
        before=None if origin is None else Split.all_to(origin),
        steps=_steps(playbook, len(environment.waves), first=origin is None),
        judging=_judging(environment, playbook, stable_is_down=stable_is_down),
        playbook=playbook.name,
        bake=playbook.bake,
        health=health_rule(environment, budget.ready),
        budget=Budget(budget.step, budget.release, budget.rollback, budget.deadman),
        on_failure=playbook.on_failure,
    )


def _expected(observed: Sequence[Seen]) -> tuple[Expected, ...]:
    """What every router that answered said: another answer later is drift."""
    return tuple(
        Expected(seen.router, seen.ledger.fence, seen.state.generation, seen.state.split)
        for seen in sorted(observed, key=lambda seen: seen.router)
        if seen.ledger is not None and seen.state is not None
    )


def health_rule(environment: Environment, ready_within: float = HealthRule().ready_within) -> HealthRule:
    """The cadence of the probe that gates the candidate: `up`, or the first by name that asks the release itself."""
    asked: dict[str, Probe] = {name: probe for name, probe in environment.probes.items() if probe.kind != "router"}
    name = "up" if "up" in asked else min(asked)
    probe = asked[name]
    return HealthRule(name, probe.every, probe.timeout, probe.passes, probe.fails, ready_within)


def _poll(environment: Environment) -> float:
    """Seconds between two readings of the routers' counters."""
    return next((probe.every for probe in environment.probes.values() if probe.kind == "router"), 1.0)


def _binding(ledger: LedgerState, candidate: str) -> Binding:
    """The candidate takes the slot that stable does not hold; what is kept warm there makes room."""
    held = slot_of(ledger, ledger.current) if ledger.current else None
    if ledger.current is None or held is None:
        return (("blue", candidate),)
    return tuple(sorted(((held, ledger.current), (other_slot(held), candidate))))


def _steps(playbook: Playbook, waves: int, *, first: bool) -> tuple[Step, ...]:
    """Each wave walks all steps before the next begins. A first release has nobody to be compared with: one shift."""
    if first:
        return tuple(Step(100, wave) for wave in range(waves))
    tolerances = step_tolerances([step.weight for step in playbook.steps], playbook.judge.errors.within)
    steps: list[Step] = []
    for wave in range(waves):
        for step, eps in zip(playbook.steps, tolerances, strict=True):
            asked = step.approve
            approve = Approval(asked.by, asked.within, asked.otherwise) if asked else None
            steps.append(Step(step.weight, wave, step.at_least, approve, eps))
    return tuple(steps)


def _judging(environment: Environment, playbook: Playbook, *, stable_is_down: bool) -> Judging:
    judge = playbook.judge
    return Judging(
        not_worse_than=judge.errors.not_worse_than,
        within=judge.errors.within,
        alpha=judge.alpha,
        beta=judge.beta,
        errors=any(probe.kind == "router" for probe in environment.probes.values()),
        absolute=judge.errors.ceiling if stable_is_down else None,
    )
