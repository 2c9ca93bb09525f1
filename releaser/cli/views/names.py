"""How is a release called on a screen? By its version, and by its whole id where two of one version stand side by side."""

from releaser.core.plan import Plan

__all__ = ["names_of", "version_of"]


def version_of(release: str) -> str:
    """1.4.2 of 1.4.2-3fa9c1d0."""
    return release.rpartition("-")[0] or release


def names_of(plan: Plan) -> tuple[str, str]:
    """(candidate, stable) for people; stable is empty for a first release."""
    to, origin = plan.to.id, plan.origin or ""
    if origin and version_of(origin) == plan.to.version:
        return to, origin
    return plan.to.version, version_of(origin)
