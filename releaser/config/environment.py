"""What is an environment, once it is checked? The long form, with each adapter's own options beside its kind."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from releaser.config.durations import Duration
from releaser.config.names import HostName, LocalPath, Name, RemotePath, Url
from releaser.core.plan import RouterRef, TargetRef

__all__ = [
    "Artifact",
    "Environment",
    "Fleet",
    "OptionsMap",
    "Probe",
    "Router",
    "Ssh",
    "Target",
    "canonical",
    "config_digest",
    "router_refs",
    "target_refs",
]

OptionsMap = Mapping[tuple[str, str], type[BaseModel]]
"""(group, kind) -> what the adapter of that kind may be told: ("routers", "haproxy") -> its Options."""

Port = Annotated[int, Field(ge=1, le=65535)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
EnvText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=65536)]
FLEET_ONLY = frozenset({"parallel", "max_unreachable", "max_failed", "keep", "drain", "keep_warm"})
"""How a release is carried out, not what runs: they are no part of a release's identity."""


class Section(BaseModel):
    """Every map in a file: unknown keys are errors, nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(Section):
    """A map whose `kind` chooses an adapter; what that adapter may be told stands beside our own keys."""

    kind: Name
    options: Any = None
    """The checked Options of the adapter; typed by the adapter, which is the only one to look inside."""

    @model_serializer(mode="wrap")
    def flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        own: dict[str, Any] = {key: value for key, value in handler(self).items() if key != "options"}
        theirs = self.options.model_dump(mode="json", by_alias=True, exclude_none=True) if self.options else {}
        return {key: value for key, value in {**theirs, **own}.items() if value is not None}


class Artifact(Section):
    """`{version}` comes from the command line."""

    file: LocalPath


class Ssh(Section):
    user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = None
    port: Port = 22
    known_hosts: LocalPath = "~/.ssh/known_hosts"
    jump: HostName | None = None
    key: LocalPath | None = None


class Router(Kind):
    """Which release answers. `managed`: releaser itself runs it on this machine."""

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    managed: bool = False
    state: RemotePath | None = None
    """Where the ledger lies on the router's host; None: the adapter's place for it."""


class Target(Kind):
    """Where versions run."""

    connection: Literal["ssh", "local"] = "ssh"
    ssh: Ssh | None = None
    router: Router


class Probe(Kind):
    """One question about one release. The cadence is ours, the question the adapter's."""

    every: Duration = 1.0
    timeout: Duration = 2.0
    passes: Annotated[int, Field(ge=1, le=1000)] = 3
    fails: Annotated[int, Field(ge=1, le=1000)] = 2


class Fleet(Section):
    parallel: Annotated[int, Field(ge=1, le=1000)] = 32
    max_unreachable: Annotated[int, Field(ge=0)] = 0
    max_failed: Annotated[int, Field(ge=0)] = 0
    keep: Annotated[int, Field(ge=2, le=1000)] = 5
    drain: Duration = 30.0
    keep_warm: Duration = 86400.0


class Environment(Section):
    """What production is. `name` is the file's name."""

    name: Name
    app: Name
    artifact: Artifact
    versions: Literal["immutable", "mutable"] = "immutable"
    url: Url | None = None
    targets: Annotated[dict[Name, Target], Field(min_length=1)]
    waves: tuple[Annotated[tuple[Name, ...], Field(min_length=1)], ...]
    fleet: Fleet = Fleet()
    probes: dict[Name, Probe]
    env: dict[EnvName, EnvText] = {}
    playbook: Name = "canary"
    freeze_after_rollback: Duration = 3600.0

    def wave_of(self, target: str) -> int:
        return next(index for index, wave in enumerate(self.waves) if target in wave)


def target_refs(environment: Environment, *, together: bool = False) -> tuple[TargetRef, ...]:
    """The targets in order of their waves; `together`: all in one wave, as a rollback moves."""
    refs = [TargetRef(name, 0 if together else environment.wave_of(name)) for name in environment.targets]
    return tuple(sorted(refs, key=lambda ref: (ref.wave, ref.name)))


def router_refs(environment: Environment, *, together: bool = False) -> tuple[RouterRef, ...]:
    """Every router host, named TARGET/HOST, in order of waves and then of names."""
    refs = [
        RouterRef(f"{name}/{host}", name, 0 if together else environment.wave_of(name))
        for name, target in environment.targets.items()
        for host in target.router.hosts
    ]
    return tuple(sorted(refs, key=lambda ref: (ref.wave, ref.name)))


def canonical(environment: Environment) -> str:
    """The resolved environment as canonical JSON (sorted, compact), secrets as references; it can be read again."""
    return _compact(environment.model_dump(mode="json", exclude_none=True))


def config_digest(environment: Environment) -> str:
    """sha256 over what decides how a version runs: app, env, and each target's own options.

    Routers, probes, playbook, fleet and ways to connect are left out: they change how a release is brought, not what
    it is. With `env` in it, a changed variable makes a release of its own.
    """
    document = environment.model_dump(mode="json", exclude_none=True)
    targets = {
        name: {key: value for key, value in target.items() if key not in {"router", "ssh", "connection"} | FLEET_ONLY}
        for name, target in document["targets"].items()
    }
    return sha256(_compact({"app": environment.app, "env": environment.env, "targets": targets}).encode()).hexdigest()


def _compact(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
