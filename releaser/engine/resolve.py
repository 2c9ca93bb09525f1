"""The application's variables: text stays text, references are looked up, and only their versions enter a release's identity."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Protocol, runtime_checkable

from releaser.config.environment import Environment
from releaser.config.references import Reference, find_reference
from releaser.core.values import Release
from releaser.engine.registry import Registry
from releaser.errors import ConfigError, PortError, RefusedError
from releaser.ports import SecretStore

__all__ = ["Resolved", "expect_versions", "resolve"]

WITHIN = 10.0
"""Seconds for all references of one store."""
FILES = frozenset({"env", "file"})
"""Where whoever releases keeps the value in a file or a variable: another file of mode 0600 adds no new kind of place."""


@runtime_checkable
class Closeable(Protocol):
    """A store that logged in somewhere."""

    def close(self) -> None: ...


@runtime_checkable
class Careful(Protocol):
    """A store that knows what is unwise about the files that it reads."""

    def concerns(self, reference: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was looked up. `values` are secret: they go to a host's 0600 file and nowhere else, so they are not shown."""

    values: Mapping[str, str] = field(repr=False)
    """By reference."""
    versions: tuple[tuple[str, str], ...] = ()
    """(reference, version), sorted."""
    concerns: tuple[str, ...] = ()
    """What a store finds unwise, with its remedy."""

    @property
    def digest(self) -> str:
        return sha256(repr(self.versions).encode()).hexdigest() if self.versions else ""

    def told(self, env: Mapping[str, str]) -> dict[str, str]:
        """Variables with the values in place of their references."""
        return {name: self.values.get(text, text) for name, text in env.items()}


def resolve(environment: Environment, registry: Registry, folder: Path, variables: Mapping[str, str]) -> Resolved:
    """Each store is opened once and closed again. Raises RefusedError that names the variable and its reference, never
    the value, and ConfigError where a host may not keep the value.
    """
    schemes = frozenset(kind for group, kind in registry if group == "secrets")
    found = {
        text: (place, reference)
        for place, text in _texts(environment)
        if (reference := find_reference(text, schemes, place)) is not None
    }
    _check_at_rest(environment, found.values())
    values: dict[str, str] = {}
    versions: set[tuple[str, str]] = set()
    concerns: set[str] = set()
    for scheme in sorted({reference.scheme for _, reference in found.values()}):
        with _opened(environment, registry, scheme, folder, variables) as store:
            until = monotonic() + WITHIN
            for text, (place, reference) in found.items():
                if reference.scheme == scheme:
                    values[text], version = _look_up(place, reference, store, until - monotonic())
                    versions.add((text, version))
                    concerns.update(store.concerns(text) if isinstance(store, Careful) else ())
    return Resolved(values, tuple(sorted(versions)), tuple(sorted(concerns)))


def _texts(environment: Environment) -> Iterator[tuple[str, str]]:
    """(place, text) of every variable: the environment's, and those of a host that differs."""
    yield from ((f"env.{name}", text) for name, text in environment.env.items())
    for name, target in environment.targets.items():
        for host in getattr(target.options, "hosts", ()):
            yield from (
                (f"targets.{name}.hosts: env.{variable} of {host.name}", text) for variable, text in host.env.items()
            )


def expect_versions(found: Resolved, release: Release) -> None:
    """Raises RefusedError where the secrets are not those that the release was planned with."""
    if found.digest == release.secrets:
        return
    now = ", ".join(f"{reference} is version {version}" for reference, version in found.versions) or "there is none"
    raise RefusedError(
        f"a secret has changed since {release.id} was planned ({now}); plan again, and it becomes a release of its own",
        code="outdated",
        fix=(f"releaser plan {release.version}",),
    )


def _check_at_rest(environment: Environment, found: Iterable[tuple[str, Reference]]) -> None:
    """A store is there so that its values lie in no file: that a host keeps one is for the environment to say."""
    asking = next(((place, reference) for place, reference in found if reference.scheme not in FILES), None)
    if asking is not None and environment.secrets.at_rest is None:
        raise ConfigError(
            f"{asking[0]} comes from {asking[1].scheme}, and each host would keep it on its disk in a file of mode "
            "0600, so that it can restart and go back without the store; allow that in the environment's file",
            fix=("secrets: { at_rest: file }",),
            code="at-rest",
        )


@contextmanager
def _opened(
    environment: Environment, registry: Registry, scheme: str, folder: Path, variables: Mapping[str, str]
) -> Iterator[SecretStore]:
    options = environment.vault if scheme == "vault" else registry["secrets", scheme]()
    store: SecretStore = registry.adapter("secrets", scheme)(folder, variables, options)
    try:
        yield store
    finally:
        if isinstance(store, Closeable):
            store.close()


def _look_up(place: str, reference: Reference, store: SecretStore, within: float) -> tuple[str, str]:
    try:
        return store.resolve(str(reference), within=within)
    except PortError as error:
        code = error.code if error.code != "error" else "secret"
        raise RefusedError(f"{place}: {error}", code=code, fix=error.fix) from error
