"""Which {names} may stand in which value, and what replaces them? Plain replacement from a fixed set, no expressions."""

import re
from collections.abc import Collection, Mapping

from releaser.config.names import did_you_mean
from releaser.config.tree import Path
from releaser.errors import ConfigError

__all__ = ["allowed_names", "check_template", "fill"]

FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
ALLOWED: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("artifact", "file"), frozenset({"app", "version"})),
    (("targets", "*", "path"), frozenset()),
    (("targets", "*", "run", "command"), frozenset({"host", "port", "release", "slot", "version"})),
    (("targets", "*", "run", "systemd"), frozenset({"slot"})),
    (("targets", "*", "router", "server"), frozenset({"host", "slot"})),
)


def allowed_names(path: Path) -> frozenset[str] | None:
    """The names that the value at `path` may use; None: braces mean nothing there."""
    for pattern, names in ALLOWED:
        if len(pattern) == len(path) and all(part in ("*", have) for part, have in zip(pattern, path, strict=True)):
            return names
    return None


def check_template(text: str, allowed: Collection[str], origin: str) -> None:
    """Raises ConfigError for a {name} that is not in `allowed`; other braces are literal text."""
    for found in FIELD.finditer(text):
        if found[1] not in allowed:
            hint = did_you_mean(found[1], allowed) if allowed else "write the value itself"
            raise ConfigError(f"{origin}: nothing replaces {{{found[1][:60]}}} here; {hint}")
        if text[found.start() - 1 : found.start()] == "{" or text[found.end() : found.end() + 1] == "}":
            raise ConfigError(f"{origin}: write {{{found[1]}}} with single braces")


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every {name} of `values` replaced once; what a value contains is never replaced again."""
    return FIELD.sub(lambda found: values.get(found[1], found[0]), text)
