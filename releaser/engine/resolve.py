"""Variables and headers: text stays text, references are looked up, and only the variables' versions enter a release's identity."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Protocol, runtime_checkable

from releaser.config.environment import Environment, Secrets
from releaser.config.references import Reference, find_reference
from releaser.core.values import Release
from releaser.engine.registry import Registry
from releaser.errors import ConfigError, PortError, RefusedError
from releaser.ports import SecretStore

__all__ = ["Resolved", "expect_versions", "resolve", "resolve_headers", "secret_headers"]

WITHIN = 10.0
"""Seconds for all references of one store."""
FILES = frozenset({"env", "file"})
"""Where whoever releases keeps the value in a file or a variable: another file of mode 0600 adds no new kind of place."""

References = Mapping[str, tuple[str, Reference]]
"""By the text that stands in the file: where, and what it refers to."""


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
    """Each store is opened once and closed again. Raises RefusedError that names the variable or the header and its
    reference, never the value, and ConfigError where a host may not keep the value.
    """
    own, headers = _references(_variables(environment), registry), _references(_headers(environment), registry)
    _check_at_rest(environment, own.values())
    values, versions, concerns = _looked_up(environment, registry, folder, variables, {**headers, **own})
    _check_headers(headers, values)
    found = {text: versions[text] for text in own}  # a probe's login may change without making a release of its own
    return Resolved(values, tuple(sorted(found.items())), concerns)


def resolve_headers(
    environment: Environment, registry: Registry, folder: Path, variables: Mapping[str, str]
) -> Resolved:
    """What the probes alone need, where a release that is placed already goes on. Raises RefusedError."""
    headers = _references(_headers(environment), registry)
    values, _, concerns = _looked_up(environment, registry, folder, variables, headers)
    _check_headers(headers, values)
    return Resolved(values, (), concerns)


def secret_headers(environment: Environment, registry: Registry) -> Mapping[str, str]:
    """Reference -> the header that it is the value of, for people."""
    return {text: place for text, (place, _) in _references(_headers(environment), registry).items()}


def _references(texts: Iterable[tuple[str, str]], registry: Registry) -> References:
    schemes = frozenset(kind for group, kind in registry if group == "secrets")
    found = ((text, place, find_reference(text, schemes, place)) for place, text in texts)
    return {text: (place, reference) for text, place, reference in found if reference is not None}


def _looked_up(
    environment: Environment, registry: Registry, folder: Path, variables: Mapping[str, str], found: References
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """(values, versions, concerns), the first two by reference."""
    values: dict[str, str] = {}
    versions: dict[str, str] = {}
    concerns: set[str] = set()
    for scheme in sorted({reference.scheme for _, reference in found.values()}):
        with _opened(environment, registry, scheme, folder, variables) as store:
            until = monotonic() + WITHIN
            for text, (place, reference) in found.items():
                if reference.scheme == scheme:
                    values[text], versions[text] = _look_up(place, reference, store, until - monotonic())
                    concerns.update(store.concerns(text) if isinstance(store, Careful) else ())
    return values, versions, tuple(sorted(concerns))


def _variables(environment: Environment) -> Iterator[tuple[str, str]]:
    """(place, text) of every variable: the environment's, and those of a host that differs."""
    yield from ((f"env.{name}", text) for name, text in environment.env.items())
    for name, target in environment.targets.items():
        for host in getattr(target.options, "hosts", ()):
            yield from (
                (f"targets.{name}.hosts: env.{variable} of {host.name}", text) for variable, text in host.env.items()
            )


def _headers(environment: Environment) -> Iterator[tuple[str, str]]:
    """(place, text) of every header of a probe."""
    for name, probe in environment.probes.items():
        headers: Mapping[str, str] = getattr(probe.options, "headers", {})
        yield from ((f"probes.{name}.headers.{header}", text) for header, text in headers.items())


def _check_headers(headers: References, values: Mapping[str, str]) -> None:
    """What would not go through as one header: the error of a HTTP client would show it."""
    for text, (place, reference) in headers.items():
        value = values[text]
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise RefusedError(
                f"{place}: the value of {reference} cannot be sent as a header, which is one line of ASCII without spaces "
                "around it; correct the secret",
                code="secret",
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
    if asking is not None and environment.secrets == Secrets():
        raise ConfigError(
            f"{asking[0]} comes from {asking[1].scheme}, and each host keeps it with the release; say in the environment's "
            "file how: sealed on its disk, where units of systemd run the slots, in a file of mode 0600, or in memory, "
            "which needs the store again after a reboot",
            fix=("secrets: { at_rest: sealed }", "secrets: { at_rest: file }", "secrets: { reboot: needs-vault }"),
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
