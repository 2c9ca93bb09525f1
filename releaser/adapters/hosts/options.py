"""What may be said of a `hosts` target in an environment's file?"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from releaser.core.values import SLOTS, Slot
from releaser.onhost.command import NAMES, render

__all__ = ["Host", "HostsOptions", "Ports", "Run"]

Port = Annotated[int, Field(ge=1, le=65535)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\[:][A-Za-z0-9._:\]-]*$", max_length=253)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
EnvText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=65536)]
Path = Annotated[str, StringConstraints(pattern=r"^(?:~/|\./|/)[^\x00-\x1f]+$", max_length=1024)]
UnitName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\-]*@(?:\{slot\})?\.service$", max_length=200)
]
Inside = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ports(Section):
    """Where the application of each slot listens."""

    blue: Port = 8001
    """Of the blue slot."""
    green: Port = 8002
    """Of the green slot."""

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.blue == self.green:
            raise ValueError(f"blue and green both have port {self.blue}; each slot needs its own")
        return self

    def of(self, slot: Slot) -> int:
        return self.blue if slot == "blue" else self.green


class Run(Section):
    """How a slot's process is started: in the slot's directory, staying in the foreground."""

    command: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    """`{port}`, `{slot}`, `{release}`, `{version}` and `{host}` are filled in; it must stay in the foreground."""
    systemd: UnitName | None = None
    """In place of a command: the host's own template unit, `shop@.service`. It runs as `shop@blue.service` and `shop@green.service`."""
    sudo: bool = False
    """Whether `systemctl` needs `sudo -n` there."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.command is not None and self.systemd is not None:
            raise ValueError("run has both a command and a systemd unit; keep one of them")
        if self.systemd is not None:
            return self
        if self.command is None:
            raise ValueError("run needs a command or a systemd unit")
        if self.sudo:
            raise ValueError("sudo is for systemd units only; a command runs as the user who releases")
        render(self.command, dict.fromkeys(NAMES, "x"))
        return self

    def unit(self) -> Mapping[str, Any] | None:
        """What a host is told of its unit; None where a command runs the slots."""
        return None if self.systemd is None else {"systemd": self.systemd, "sudo": self.sudo}


class Host(Section):
    """One host, where it differs from the others."""

    name: HostName
    """Its name or address."""
    ports: Ports | None = None
    """Where they differ from the target's."""
    env: dict[EnvName, EnvText] = {}
    """Variables of this host only."""
    groups: tuple[HostName, ...] = ()
    """Names to choose hosts by."""


def _host(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


class HostsOptions(Section):
    """Hosts with two slots each. The last five are the fleet's, handed on to every target of it."""

    hosts: Annotated[tuple[Annotated[Host, BeforeValidator(_host)], ...], Field(min_length=1)]
    """Names, or maps where a host differs."""
    path: Path
    """Where releases lie on each host."""
    run: Run
    """How a slot is started: a map, or the command alone."""
    ports: Ports = Ports()
    """Where the application of each slot listens."""
    shared: tuple[Inside, ...] = ()
    """Directories that all releases share: linked into each, never collected."""
    parallel: Annotated[int, Field(ge=1, le=1000, exclude=True)] = 32
    """As `fleet.parallel`, for this target."""
    max_unreachable: Annotated[int, Field(ge=0, exclude=True)] = 0
    """As `fleet.max_unreachable`."""
    max_failed: Annotated[int, Field(ge=0, exclude=True)] = 0
    """As `fleet.max_failed`."""
    keep: Annotated[int, Field(ge=2, le=1000, exclude=True)] = 5
    """As `fleet.keep`."""
    drain: Annotated[float, Field(ge=0, exclude=True)] = 30.0
    """Seconds that what is under way has to end in, before it is killed."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [host.name for host in self.hosts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice in hosts; name each host once")
        return self

    def ports_of(self, host: str) -> Mapping[Slot, int]:
        """The port of each slot on one host."""
        ports = next(known for known in self.hosts if known.name == host).ports or self.ports
        return {slot: ports.of(slot) for slot in SLOTS}
