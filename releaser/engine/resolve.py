"""The application's variables: text stays text, references are looked up, and only their versions enter a release's identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from releaser.config.environment import Environment
from releaser.config.references import Reference, find_reference
from releaser.engine.registry import Registry
from releaser.errors import PortError, RefusedError
from releaser.ports import SecretStore

__all__ = ["Resolved", "resolve"]

WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """`values` may be secret: they go to a host's 0600 file and nowhere else, so they are not shown."""

    values: Mapping[str, str] = field(repr=False)
    versions: tuple[tuple[str, str], ...] = ()
    """(reference, version), sorted."""

    @property
    def digest(self) -> str:
        return sha256(repr(self.versions).encode()).hexdigest() if self.versions else ""


def resolve(environment: Environment, registry: Registry, folder: Path, variables: Mapping[str, str]) -> Resolved:
    """Raises RefusedError that names the variable and its reference, never the value."""
    schemes = frozenset(kind for group, kind in registry if group == "secrets")
    values: dict[str, str] = {}
    versions: set[tuple[str, str]] = set()
    for name, text in environment.env.items():
        reference = find_reference(text, schemes, f"env.{name}")
        if reference is None:
            values[name] = text
            continue
        store = registry.adapter("secrets", reference.scheme)(folder, variables)
        values[name], version = _look_up(name, reference, store)
        versions.add((str(reference), version))
    return Resolved(values, tuple(sorted(versions)))


def _look_up(name: str, reference: Reference, store: SecretStore) -> tuple[str, str]:
    try:
        return store.resolve(str(reference), within=WITHIN)
    except PortError as error:
        raise RefusedError(f"env.{name}: {error}", code="secret", fix=error.fix) from error
