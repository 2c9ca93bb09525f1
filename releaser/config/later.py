"""Which keys have their names already and no meaning yet? They are refused with "not yet" instead of being ignored."""

from releaser.config.tree import Node, Path, Table, children, nearest
from releaser.errors import ConfigError

__all__ = ["ENVIRONMENT_LATER", "KINDS_LATER", "PLAYBOOK_LATER", "Later", "refuse_later"]

Later = tuple[tuple[tuple[str, ...], str], ...]
"""(path, what it will be); * stands for any key, a list's items included."""
ENVIRONMENT_LATER: Later = (
    (("hooks",), "hooks"),
    (("promotes_from",), "promotion between environments"),
    (("state",), "a journal in PostgreSQL"),
    (("artifact", "image"), "container images"),
    (("targets", "*", "follows"), "workers that follow another target"),
    (("targets", "*", "overlap"), "workers that follow another target"),
    (("targets", "*", "manifests"), "Kubernetes"),
    (("targets", "*", "adopt"), "Kubernetes"),
)
PLAYBOOK_LATER: Later = (
    (("hooks",), "hooks"),
    (("steps", "*", "match"), "routing by header"),
    (("steps", "*", "sticky"), "sticky sessions"),
    (("judge", "p95"), "judging latency"),
)
KINDS_LATER = {
    "targets": frozenset({"kubernetes"}),
    "routers": frozenset({"gateway", "istio", "nginx-ingress", "replicas", "service"}),
    "probes": frozenset({"command", "prometheus"}),
}


def refuse_later(tree: Table, later: Later) -> None:
    """Raises ConfigError for the first key in `tree` that is not built yet."""
    for pattern, what in later:
        for path in _matching(tree, pattern, ()):
            key = ".".join(str(part) for part in path)
            raise ConfigError(
                f"{nearest(tree, path).origin}: {key[:160]} ({what}) is not there yet; remove the key", code="not-yet"
            )


def _matching(node: Node, pattern: tuple[str, ...], path: Path) -> list[Path]:
    if not pattern:
        return [path]
    return [
        found
        for key, child in children(node)
        if pattern[0] in ("*", key)
        for found in _matching(child, pattern[1:], (*path, key))
    ]
