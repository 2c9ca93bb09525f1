"""What would bring this release to everyone? environment + playbook + release + observed -> Plan, or why not. Pure."""

from collections.abc import Collection, Mapping, Sequence

from releaser.config import obstacles
from releaser.config.absences import absences, cannot_leave_out
from releaser.config.environment import Environment, Probe, canonical, router_refs, target_refs
from releaser.config.observed import Refusals, Seen, Unchanged, Underway, drift, other_slot, slot_of
from releaser.config.playbook import Playbook
from releaser.core.absent import Allowed
from releaser.core.analysis.errors_good import step_tolerances
from releaser.core.plan import Approval, Budget, Expected, HealthRule, Judging, Plan, Step, Undo
from releaser.core.values import Binding, Release, Slot, Split
from releaser.ports import LedgerState

__all__ = ["compile_promotion", "expected", "health_rule", "poll_of"]


def compile_promotion(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    observed: Sequence[Seen],
    *,
    undo: Undo | None = None,
    taken: Mapping[Slot, str] | None = None,
    trouble: str = "",
    hangs: bool = False,
    silent_targets: Mapping[str, str] | None = None,
    alike: Collection[str] = (),
    stable_is_down: bool = False,
    retry_bad: bool = False,
    unfreeze: bool = False,
) -> Plan | Refusals | Unchanged | Underway:
    """The plan that brings `release` to `environment`. Every refusal is answered, not only the first.

    `observed` has one entry for each of `router_refs(environment)`. `undo` is the way back as earlier releases measured it;
    `taken` are slots on whose port somebody else listens, with who that is; `trouble` says why the stable release does not
    serve, and `hangs` that its processes run all the same; `silent_targets` are those that gave no answer, with the reason; the routers of `alike` cannot leave out a host.
    """
    if not observed:
        raise ValueError("a plan is made against what the routers said")
    name, undo = environment.name, undo or Undo(None)
    mute = obstacles.mute_routers(name, observed)
    if mute:
        return Refusals(tuple(mute))
    ledgers = [seen.ledger for seen in observed if seen.ledger is not None]
    underway = _underway(ledgers, release)
    if underway is not None:
        return underway
    refusals = obstacles.busy(name, ledgers) or drift(name, observed)
    refusals += obstacles.mute_targets(name, silent_targets or {})
    if not refusals and not trouble and all(ledger.current == release.id for ledger in ledgers):
        return Unchanged(release.id, f"{name} already runs {release.id}: the same artifact, config and secrets")
    origin, binding = ledgers[0].current, _binding(ledgers[0], release.id)
    if origin is not None and trouble and (origin == release.id or not stable_is_down):
        refusals.append(obstacles.stable_is_dead(name, origin, trouble, release, hangs=hangs))
    refusals += obstacles.occupied(name, binding, release.id, taken or {}, first=origin is None)
    refusals += [] if unfreeze else obstacles.frozen(name, playbook.name, release.version, ledgers)
    refusals += [] if retry_bad else obstacles.bad_before(name, release, ledgers)
    refusals += obstacles.other_artifact(environment, release, ledgers)
    refusals += [] if origin is None else obstacles.too_fine(playbook, observed)
    refusals += obstacles.slow_way_back(playbook.name, playbook.budget, undo.seconds)
    refusals += cannot_leave_out(environment, alike)
    if refusals:
        return Refusals(tuple(refusals))
    judging = _judging(environment, playbook, stable_is_down=stable_is_down)
    return _plan(environment, playbook, release, observed, origin, binding, judging, undo, unfreeze=unfreeze)


def _underway(ledgers: Sequence[LedgerState], release: Release) -> Underway | None:
    """A rollout that is alive and brings this very release."""
    alive = next((ledger.holder for ledger in ledgers if ledger.holder and ledger.holder.left > 0), None)
    if alive is None or alive.release != release.id:
        return None
    return Underway(alive.rollout, alive.name)


def _plan(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    observed: Sequence[Seen],
    origin: str | None,
    binding: Binding,
    judging: Judging,
    undo: Undo,
    *,
    unfreeze: bool,
) -> Plan:
    """One that nothing stands in the way of."""
    fleet, budget = environment.fleet, playbook.budget
    return Plan(
        kind="promote",
        environment=environment.name,
        to=release,
        origin=origin,
        binding=binding,
        targets=target_refs(environment),
        routers=router_refs(environment),
        steps=_steps(playbook, len(environment.waves), first=origin is None),
        before=None if origin is None else Split.all_to(origin),
        playbook=playbook.name,
        bake=playbook.bake,
        health=health_rule(environment, budget.ready),
        judging=judging,
        budget=Budget(budget.step, budget.release, budget.rollback, budget.deadman),
        on_failure=playbook.on_failure,
        keep_warm=fleet.keep_warm,
        keep=fleet.keep,
        drain=fleet.drain,
        cut_after=fleet.cut_after,
        poll=poll_of(environment),
        unfreeze=unfreeze,
        expected=expected(observed),
        undo=undo,
        allowed=Allowed(fleet.max_failed, fleet.max_unreachable),
        absent=absences(environment, observed, binding),
        config=canonical(environment),
    )


def expected(observed: Sequence[Seen]) -> tuple[Expected, ...]:
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


def poll_of(environment: Environment) -> float:
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
