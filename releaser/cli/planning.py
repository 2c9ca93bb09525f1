"""What does `plan` answer? The plan with what it can see, or why there is none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from releaser.cli.answer import Answer, done
from releaser.cli.exits import DIFFERENT, REFUSED
from releaser.cli.lines import line, row
from releaser.cli.plan_file import plan_document
from releaser.cli.promotion import Wanted, refused
from releaser.cli.render import json_text
from releaser.cli.run import Reply, Run
from releaser.cli.traffic import sights_of
from releaser.cli.views.plan import plan_screen
from releaser.config.observed import Refusal, Refusals, Unchanged, Underway
from releaser.core.codec import plan_digest
from releaser.core.phrases import say_seconds
from releaser.core.plan import Plan
from releaser.errors import ConfigError

__all__ = ["planned", "planned_offline"]


def planned(run: Run, wanted: Wanted, *, save: Path | None, detailed: bool) -> Reply:
    session = run.session()
    plan = session.plan(
        wanted.version,
        playbook=wanted.playbook,
        retry_bad=wanted.retry_bad,
        unfreeze=wanted.unfreeze,
        stable_is_down=wanted.stable_is_down,
        start=False,
    )
    if isinstance(plan, Underway):
        why = f"{plan.holder} brings {wanted.version} already: promote would watch it"
        return Reply(done(session.name, why, version=wanted.version, fix=(f"releaser watch -e {session.name}",)))
    if isinstance(plan, Unchanged):
        answer = done(session.name, plan.why, release=plan.release, version=wanted.version, fix=plan.fix)
        return Reply(answer, {"plan": plan_document(None, (), environment=session.name, to=plan.release)})
    if isinstance(plan, Refusals):
        return _not_possible(session.name, wanted.version, plan)
    sights = sights_of(run, session, plan)
    secrets = session.secrets
    document = plan_document(plan, sights, secrets=dict(secrets.versions))
    if save is not None:
        _write(save, document)
    answer = _possible(plan, detailed=detailed)
    return Reply(answer, {"plan": document}, tuple(plan_screen(plan, sights, session.environment, secrets)))


def _possible(plan: Plan, *, detailed: bool) -> Answer:
    said = done(
        plan.environment,
        f"promote would bring {plan.to.version} to {plan.environment}",
        release=plan.to.id,
        version=plan.to.version,
        origin=plan.origin,
        plan_digest=plan_digest(plan),
        budget=plan.budget.rollback,
        not_reversed=plan.undo.not_reversed,
        fix=(f"releaser promote {plan.to.version} -e {plan.environment}",),
    )
    return replace(said, exit=DIFFERENT, reason="different") if detailed else said


def _not_possible(environment: str, version: str, refusals: Refusals) -> Reply:
    """6, also where promote would say 7: a plan holds nothing and waits for nobody."""
    reply = refused(environment, version, refusals)
    document = plan_document(None, (), refusals.items, environment=environment, version=version)
    return replace(reply, answer=replace(reply.answer, exit=REFUSED), data={"plan": document})


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        path.write_text(json_text(document) + "\n", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"the plan cannot be written to {path} ({error.strerror}); choose another file") from error


def planned_offline(run: Run, wanted: Wanted) -> Reply:
    """Files only: environment, playbook, artifact, secrets. Nothing is asked of any host."""
    session = run.session()
    playbook, release = session.playbook(wanted.playbook), session.release(wanted.version)
    steps = [{"weight": step.weight, "at_least_s": step.at_least} for step in playbook.steps]
    lines = [
        line((session.name, "strong"), "  ", (release.id, "strong"), f"  playbook {playbook.name}, files only"),
        row("artifact", f"sha256:{release.artifact}"),
        row(
            "steps",
            ", ".join(f"{step.weight} %" for step in playbook.steps),
            f", bake for {say_seconds(playbook.bake)}",
        ),
        row("way back", f"{say_seconds(playbook.budget.rollback)} at most; no host was asked"),
    ]
    found = _unsafe(playbook.budget.deadman, playbook.budget.rollback, playbook.name)
    if found:
        return _not_possible(session.name, wanted.version, Refusals((found,)))
    answer = done(
        session.name, "the files hold together; no host was asked", release=release.id, version=release.version
    )
    document = plan_document(None, (), environment=session.name, to=release.id, version=release.version, steps=steps)
    return Reply(answer, {"plan": {**document, "offline": True, "playbook": playbook.name}}, tuple(lines))


def _unsafe(deadman: float, rollback: float, playbook: str) -> Refusal | None:
    if deadman + 1.0 <= rollback:
        return None
    why = f"a router left alone goes back after {deadman:g} s and 1 s more, but the budget for that is {rollback:g} s"
    return Refusal("slow-deadman", why, (f"lower budget.deadman in the playbook {playbook}",))
