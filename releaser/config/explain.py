"""Where does every value come from? The whole long form, a line a value, secrets as references only."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from releaser.config.environment import Environment
from releaser.config.references import Reference, find_reference
from releaser.config.tree import DEFAULT, Path, Scalar, Table, dotted, lift, nearest, walk

__all__ = ["HIDDEN", "Line", "explain", "references"]

HIDDEN = "(hidden; write it as a reference, such as file:./secrets.env#NAME)"
SECRET_PLACES = frozenset({"env", "headers"})
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|secret|token|credential|api_?key|private_?key|authorization|cookie", re.IGNORECASE
)
USER_AND_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*:[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Line:
    """One value: targets.web.ports.blue, 8001, environments/production.yaml:12."""

    key: str
    value: str
    origin: str


def explain(environment: Environment, tree: Table) -> tuple[Line, ...]:
    """Every value that counts, in order of its key; `tree` knows the origins of those that were written down."""
    document = environment.model_dump(mode="json", exclude_none=True)
    return tuple(
        Line(dotted(path), _shown(path, scalar.value), _origin(tree, path))
        for path, scalar in walk(lift(document, DEFAULT))
        if path != ("name",)
    )


def references(environment: Environment, schemes: Collection[str]) -> tuple[Reference, ...]:
    """Every secret that the environment refers to, once, in the order of their text."""
    document = environment.model_dump(mode="json", exclude_none=True)
    found = {
        str(reference): reference
        for path, scalar in walk(lift(document, DEFAULT))
        if SECRET_PLACES & set(path) and isinstance(scalar.value, str)
        if (reference := find_reference(scalar.value, schemes, dotted(path))) is not None
    }
    return tuple(found[text] for text in sorted(found))


def _origin(tree: Table, path: Path) -> str:
    node = nearest(tree, path)
    if isinstance(node, Scalar):
        return node.origin
    written = [scalar.origin for _, scalar in walk(node)] if nearest(tree, path[:-1]) is not node else []
    return written[0] if written else DEFAULT


def _shown(path: Path, value: Any) -> str:
    """Text as people write it. A literal that looks like a secret is not repeated."""
    text = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    if USER_AND_PASSWORD.match(text):
        return HIDDEN
    secret = SECRET_PLACES & set(path) and SECRET_NAME.search(str(path[-1]))
    return HIDDEN if secret and not re.match(r"(file|env|vault):(?!//)", text) else text
