"""What is an environment, once it is checked? The long form, with each adapter's own options beside its kind."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
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
    "Secrets",
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
FLEET_ONLY = frozenset({"parallel", "max_unreachable", "max_failed", "keep", "drain", "cut_after", "keep_warm"})
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
    """The file or directory of a version, from the folder that holds environments/."""


class Ssh(Section):
    user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = None
    """Who logs in there."""
    port: Port = 22
    """Where sshd listens."""
    known_hosts: LocalPath = "~/.ssh/known_hosts"
    """The hosts' keys; one that is not in it is refused."""
    jump: HostName | None = None
    """A host to go through, reached with the same user, port and key."""
    key: LocalPath | None = None
    """A private key, with its certificate in KEY-cert.pub; without it the usual ones of ~/.ssh are tried."""
    agent: bool = True
    """Whether keys of an SSH agent are offered too."""
    sudo: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] | None = None
    """Whom `sudo -n -u` makes of the user before anything is done on the host."""
    python: RemotePath = "python3"
    """The host's Python, 3.7 or later: a name on its PATH, or a path."""
    connect: Duration = 10.0
    """How long a connection may take, from the host's name to the login."""


class Router(Kind):
    """Which release answers. `managed`: releaser itself runs it on this machine."""

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    managed: bool = False
    state: RemotePath | None = None
    """Where the ledger lies on the router's host; None: the adapter's place for it."""
    sticky: bool = False
    """Users stay with the release that answered them first (a cookie, a table): the observed share is shown, and keeps no step from passing."""


class Target(Kind):
    """Where versions run."""

    connection: Literal["ssh", "local"] = "ssh"
    """`local` is this machine; there `hosts` is `[local]`."""
    ssh: Ssh | None = None
    """How the hosts are reached."""
    router: Router
    """Which release answers: a map, or a URL as in the short form."""


class Probe(Kind):
    """One question about one release. The cadence is ours, the question the adapter's."""

    every: Duration = 1.0
    """How often it is asked."""
    timeout: Duration = 2.0
    """No answer in this time is a failed one."""
    passes: Annotated[int, Field(ge=1, le=1000)] = 3
    """So many good answers in a row are a pass."""
    fails: Annotated[int, Field(ge=1, le=1000)] = 2
    """So many bad ones in a row are a fail."""


class Fleet(Section):
    parallel: Annotated[int, Field(ge=1, le=1000)] = 32
    """How many hosts are told at once."""
    max_unreachable: Annotated[int, Field(ge=0)] = 0
    """How many hosts may be out of reach."""
    max_failed: Annotated[int, Field(ge=0)] = 0
    """How many hosts may say no."""
    keep: Annotated[int, Field(ge=2, le=1000)] = 5
    """How many good releases stay on the hosts."""
    drain: Duration = 30.0
    """What a slot that is stopped has for its open requests."""
    cut_after: Duration = 10.0
    """What requests and websockets under way have when users are taken back, before they are cut, where the router can do that."""
    keep_warm: Duration = 86400.0
    """How long the old release runs on after a commit, so that going back takes seconds."""


class Secrets(Section):
    """What may happen to secrets that were looked up."""

    at_rest: Literal["file", "sealed"] | None = None
    """How each host keeps them: `sealed` with its own key, for units of systemd 250 or later; `file`, in a file of mode 0600. Secrets of Vault are released with it, or with `reboot`, only."""
    reboot: Literal["needs-vault"] | None = None
    """`needs-vault`: each host keeps them in memory alone. After a restart it serves nothing until `releaser recover`, which needs their store."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.at_rest is not None and self.reboot is not None:
            raise ValueError("what lies on a host's disk outlives a reboot; keep either at_rest or reboot: needs-vault")
        return self

    @property
    def kept(self) -> Literal["file", "sealed", "memory"]:
        """Where each host keeps the variables of a release."""
        return "memory" if self.reboot is not None else self.at_rest or "file"


class Environment(Section):
    """What production is. `name` is the file's name."""

    name: Name
    app: Name
    """The application's name."""
    artifact: Artifact
    """What is released: a map, or the file alone."""
    versions: Literal["immutable", "mutable"] = "immutable"
    """`immutable`: the same version with other content is refused. `mutable` is for development."""
    url: Url | None = None
    """Where users reach it."""
    targets: Annotated[dict[Name, Target], Field(min_length=1)]
    """Where versions run, by name."""
    waves: tuple[Annotated[tuple[Name, ...], Field(min_length=1)], ...]
    """Targets that move together, one wave after the other; all at once if it is not given. A rollback moves all at once."""
    fleet: Fleet = Fleet()
    """How many hosts at once, how many may fail, what is kept."""
    probes: dict[Name, Probe]
    """Questions about a release, by name: `up` and `errors` are there unless they are `null`."""
    vault: Any = None
    """Where Vault is, and how releaser logs in there."""
    secrets: Secrets = Secrets()
    """What may happen to secrets that were looked up."""
    env: dict[EnvName, EnvText] = {}
    """The application's variables; `file:./secrets.env#NAME`, `env:NAME` and `vault:MOUNT/PATH#KEY` are looked up, and never shown."""
    playbook: Name = "canary"
    """How a release reaches everyone, unless --playbook says otherwise."""
    freeze_after_rollback: Duration = 3600.0
    """So long no release goes forward after a rollback by hand."""

    def wave_of(self, target: str) -> int:
        return next(index for index, wave in enumerate(self.waves) if target in wave)


def target_refs(environment: Environment, *, together: bool = False) -> tuple[TargetRef, ...]:
    """The targets in order of their waves; `together`: all in one wave, as a rollback moves."""
    refs = [TargetRef(name, 0 if together else environment.wave_of(name)) for name in environment.targets]
    return tuple(sorted(refs, key=lambda ref: (ref.wave, ref.name)))


def router_refs(environment: Environment, *, together: bool = False) -> tuple[RouterRef, ...]:
    """Every router host, named TARGET/HOST, in order of waves and then of names."""
    refs = [
        RouterRef(f"{name}/{host}", name, 0 if together else environment.wave_of(name), sticky=target.router.sticky)
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
