"""What does plan.json say? A plan for machines and for `promote --plan`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from releaser.core.codec import plan_digest
from releaser.core.plan import Plan
from releaser.errors import ConfigError

__all__ = ["Saved", "Sees", "plan_document", "read_plan_file"]

LARGEST = 1_000_000


class Sees(Protocol):
    """What one step can see; None: unknown."""

    @property
    def text(self) -> str: ...

    @property
    def good_seconds(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Saved:
    digest: str
    version: str
    secrets: Mapping[str, Any] = field(default_factory=dict)
    """Reference -> version."""


def plan_document(
    plan: Plan | None, sights: Sequence[Sees], refusals: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    """As in the manual; `steps` is empty where promote would be refused."""
    document: dict[str, Any] = {
        "schema": 1,
        "digest": plan_digest(plan) if plan else None,
        "environment": plan.environment if plan else None,
        "from": plan.origin if plan else None,
        "to": plan.to.id if plan else None,
        "version": plan.to.version if plan else None,
        "playbook": plan.playbook if plan else None,
        "first": plan.first if plan else False,
        "steps": [_step(plan, index, sights) for index in range(len(plan.steps))] if plan else [],
        "bake_s": plan.bake if plan else None,
        "undo": _undo(plan) if plan else None,
        "refusals": [{"code": one.code, "why": one.why, "fix": list(one.fix)} for one in refusals],
    }
    return {**document, **more}


def _step(plan: Plan, index: int, sights: Sequence[Sees]) -> dict[str, Any]:
    step, sight = plan.steps[index], sights[index] if index < len(sights) else None
    asked = step.approve
    return {
        "weight": step.weight,
        "wave": step.wave,
        "sees": sight.text if sight else None,
        "expected_s": sight.good_seconds if sight else None,
        "max_s": plan.budget.step,
        "approve": {"by": asked.by, "within_s": asked.within, "else": asked.otherwise} if asked else None,
    }


def _undo(plan: Plan) -> dict[str, Any]:
    undo = plan.undo
    return {
        "possible": not plan.first,
        "seconds": undo.seconds,
        "measured_at": undo.measured_at,
        "budget_s": plan.budget.rollback,
        "warm": undo.warm,
        "not_reversed": list(undo.not_reversed),
    }


def read_plan_file(path: Path) -> Saved:
    """Raises ConfigError for anything but a file that `plan --save` wrote."""
    again = ("releaser plan VERSION -e ENV --save FILE",)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"the plan {path} cannot be read ({error.strerror}); write it again", fix=again, code="plan-file"
        ) from error
    try:
        document = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, Mapping) and isinstance(document.get("plan"), Mapping):
        document = document["plan"]
    found = [document.get(key) if isinstance(document, Mapping) else None for key in ("digest", "version")]
    if not all(isinstance(value, str) and value for value in found):
        raise ConfigError(f"{path} is not a plan that was saved; write it again", fix=again, code="plan-file")
    secrets = document.get("secrets") if isinstance(document, Mapping) else None
    return Saved(str(found[0]), str(found[1]), secrets if isinstance(secrets, Mapping) else {})
