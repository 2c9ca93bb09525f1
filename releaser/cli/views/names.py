"""How is a release called on a screen? As the story calls it: by its version, or its whole id where two share one."""

from releaser.core.phrases import callings
from releaser.core.plan import Plan

__all__ = ["names_of", "version_of"]

version_of = callings(None)
"""1.4.2 of 1.4.2-3fa9c1d0."""


def names_of(plan: Plan) -> tuple[str, str]:
    """(candidate, stable) for people; stable is empty for a first release."""
    call = callings(plan)
    return call(plan.to.id), call(plan.origin) if plan.origin else ""
