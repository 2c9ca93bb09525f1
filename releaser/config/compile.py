"""What would bring this release to everyone? environment + playbook + release + observed -> Plan, or why not. Pure."""

from collections.abc import Collection, Mapping, Sequence

from releaser.config.absences import absences, cannot_leave_out
from releaser.config.environment import Environment, Probe, canonical, router_refs, target_refs
from releaser.config.observed import Refusal, Refusals, Seen, Unchanged, Underway, drift, other_slot, slot_of
from releaser.config.playbook import Playbook
from releaser.core.absent import Allowed
from releaser.core.analysis.errors_good import step_tolerances
from releaser.core.plan import Approval, Budget, Expected, HealthRule, Judging, Plan, Step, Undo
from releaser.core.values import Binding, Release, Slot, Split
from releaser.ports import LedgerState

__all__ = ["GUARD_DELAY", "compile_promotion", "health_rule", "poll_of"]

GUARD_DELAY = 1.0
"""Seconds from the end of a dead-man's timer to the restored split: the guard looks every 0.2 s, and then writes."""


def compile_promotion(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    observed: Sequence[Seen],
    *,
    undo: Undo | None = None,
    silent: Collection[str] = (),
    taken: Mapping[Slot, str] | None = None,
    trouble: str = "",
    silent_targets: Mapping[str, str] | None = None,
    alike: Collection[str] = (),
    stable_is_down: bool = False,
    retry_bad: bool = False,
    unfreeze: bool = False,
) -> Plan | Refusals | Unchanged | Underway:
    """The plan that brings `release` to `environment`.

    `observed` has one entry for each of `router_refs(environment)`. `undo` is the way back as earlier releases measured
    it; `silent` names probes that were asked and gave no answer; `taken` are slots on whose port somebody else listens, with who that is; `trouble` says why the stable release does not serve;
    `silent_targets` are those that gave no answer, with the reason; the routers of `alike` cannot leave out a host. Every refusal is answered, not only the first.
    """
    if not observed:
        raise ValueError("a plan is made against what the routers said")
    name = environment.name
    unheard = [
        Refusal("unreachable", f"{seen.router} does not answer, so nothing can be planned", _look(name))
        for seen in observed
        if seen.ledger is None or seen.state is None
    ]
    if unheard:
        return Refusals(tuple(unheard))
    ledgers = [seen.ledger for seen in observed if seen.ledger is not None]
    alive = next((ledger.holder for ledger in ledgers if ledger.holder and ledger.holder.left > 0), None)
    if alive is not None and alive.release == release.id:
        return Underway(alive.rollout, alive.name)
    refusals = _busy(name, ledgers) or drift(name, observed)
    refusals += [_unheard(target, why, name) for target, why in sorted((silent_targets or {}).items())]
    if not refusals and not trouble and all(ledger.current == release.id for ledger in ledgers):
        return Unchanged(release.id, f"{name} already runs {release.id}: the same artifact, config and secrets")
    origin = ledgers[0].current
    if origin is not None and trouble and (origin == release.id or not stable_is_down):
        refusals.append(_down(name, origin, trouble, release))
    binding = _binding(ledgers[0], release.id)
    refusals += _occupied(name, binding, release.id, taken or {}, first=origin is None)
    refusals += _forbidden(environment, playbook, release, ledgers, retry_bad=retry_bad, unfreeze=unfreeze)
    refusals += _unfit(playbook, observed, undo or Undo(None), first=origin is None)
    refusals += cannot_leave_out(environment, alike)
    refusals += [
        Refusal("no-metric", f"the probe {probe} gives no answer; a release is not judged blind", _look(name))
        for probe in silent
    ]
    if refusals:
        return Refusals(tuple(refusals))
    return Plan(
        kind="promote",
        environment=name,
        to=release,
        origin=origin,
        binding=binding,
        targets=target_refs(environment),
        routers=router_refs(environment),
        steps=_steps(playbook, len(environment.waves), first=origin is None),
        before=None if origin is None else Split.all_to(origin),
        playbook=playbook.name,
        bake=playbook.bake,
        health=health_rule(environment, playbook.budget.ready),
        judging=_judging(environment, playbook, stable_is_down=stable_is_down),
        budget=Budget(playbook.budget.step, playbook.budget.release, playbook.budget.rollback, playbook.budget.deadman),
        on_failure=playbook.on_failure,
        keep_warm=environment.fleet.keep_warm,
        keep=environment.fleet.keep,
        drain=environment.fleet.drain,
        cut_after=environment.fleet.cut_after,
        poll=poll_of(environment),
        unfreeze=unfreeze,
        expected=expected(observed),
        undo=undo or Undo(None),
        allowed=Allowed(environment.fleet.max_failed, environment.fleet.max_unreachable),
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


def _busy(name: str, ledgers: Sequence[LedgerState]) -> list[Refusal]:
    """Another release is on its way, or one was left in the middle by a process that died."""
    for ledger in ledgers:
        holder = ledger.holder
        if ledger.environment not in ("", name):
            why = f"{ledger.router} belongs to the environment {ledger.environment}; two must not share a router"
            return [Refusal("other-environment", why, (f"releaser status -e {ledger.environment}",))]
        if holder is not None and holder.left > 0:
            why = f"{holder.name} brings {holder.release} to {name}; its lease has {holder.left:.0f} s left"
            fix = (
                f"releaser watch -e {name}",
                "releaser promote ... --wait-lock 15m",
                "releaser promote ... --supersede",
            )
            return [Refusal("lock-held", why, fix)]
        if ledger.candidate is not None:
            why = f"a release of {ledger.candidate} was left in the middle on {ledger.router}; it goes back first"
            return [Refusal("abandoned", why, (f"releaser recover -e {name}",))]
    return []


def _unheard(target: str, why: str, name: str) -> Refusal:
    return Refusal("unreachable", f"{target} does not answer, so nothing can be placed there: {why}", _look(name))


def _look(name: str) -> tuple[str, ...]:
    return (f"releaser status -e {name}",)


def _down(name: str, stable: str, trouble: str, wanted: Release) -> Refusal:
    """Nothing can be compared with a version that is down, and nothing is gained by going back to it."""
    again = f"releaser rollback -e {name} --to {stable}"
    anyway = f"releaser promote {wanted.version} -e {name} --stable-is-down --reason ..."
    why = f"{stable} is the stable release and does not serve: {trouble}"
    return Refusal("stable-down", why, (again,) if stable == wanted.id else (again, anyway))


def _occupied(name: str, binding: Binding, candidate: str, taken: Mapping[Slot, str], *, first: bool) -> list[Refusal]:
    """The candidate's slot belongs to somebody else. Where nothing was released yet, that may be what is to be taken in."""
    slot = next(slot for slot, release in binding if release == candidate)
    if slot not in taken:
        return []
    adopt = (f"releaser adopt -e {name}",) if first else ()
    why = f"{taken[slot]}, which releaser did not start"
    return [Refusal("port-taken", why, (*adopt, "stop that process", "or give the target other `ports`"))]


def _forbidden(
    environment: Environment,
    playbook: Playbook,
    release: Release,
    ledgers: Sequence[LedgerState],
    *,
    retry_bad: bool,
    unfreeze: bool,
) -> list[Refusal]:
    """Frozen, judged bad before, or the same version with another content."""
    found: list[Refusal] = []
    name = environment.name
    frozen = next((ledger.frozen for ledger in ledgers if ledger.frozen), None)
    if frozen is not None and playbook.name not in frozen.allow and not unfreeze:
        until = "until somebody lifts it" if frozen.left is None else f"for {frozen.left:.0f} s more"
        fix = (
            f"releaser unfreeze -e {name} --reason ...",
            f"releaser promote {release.version} -e {name} --unfreeze --reason ...",
        )
        found.append(Refusal("frozen", f"{name} is frozen by {frozen.by} {until}: {frozen.reason}", fix))
    bad = next((ledger.bad[release.id] for ledger in ledgers if release.id in ledger.bad), None)
    if bad is not None and not retry_bad:
        again = f"releaser promote {release.version} -e {name} --retry-bad --reason ..."
        found.append(Refusal("bad", f"{release.id} was taken back before: {bad}", (again,)))
    twins = {
        known.artifact for ledger in ledgers for known in ledger.releases.values() if known.version == release.version
    }
    others = sorted(twins - {release.artifact})
    if others and environment.versions == "immutable":
        why = (
            f"version {release.version} has the artifact sha256:{release.artifact} now and had sha256:{others[0]} before; "
            "the same version is never two things"
        )
        found.append(Refusal("other-artifact", why, ("give the new artifact a new version", "versions: mutable")))
    return found


def _unfit(playbook: Playbook, observed: Sequence[Seen], undo: Undo, *, first: bool) -> list[Refusal]:
    """Steps that a router cannot do, and ways back that are slower than the budget for them."""
    found: list[Refusal] = []
    budget = playbook.budget
    for seen in () if first else observed:
        wrong = [step.weight for step in playbook.steps if step.weight % seen.finest]
        if wrong:
            why = f"{seen.router} cannot give {wrong[0]} % to a release: it moves in shares of {seen.finest} %"
            usable = f"use steps of {seen.finest}% and its multiples in the playbook {playbook.name}"
            found.append(Refusal("too-fine", why, (usable, "use a router that is finer")))
    if budget.deadman + GUARD_DELAY > budget.rollback:
        why = (
            f"a router left alone goes back after {budget.deadman:g} s and {GUARD_DELAY:g} s more, "
            f"but the budget for the way back is {budget.rollback:g} s"
        )
        found.append(Refusal("slow-deadman", why, (f"lower budget.deadman in the playbook {playbook.name}",)))
    if undo.seconds is not None and undo.seconds > budget.rollback:
        why = f"the way back took {undo.seconds:.1f} s when it was measured last, the budget for it is {budget.rollback:g} s"
        found.append(Refusal("slow-rollback", why, (f"raise budget.rollback in the playbook {playbook.name}",)))
    return found


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
