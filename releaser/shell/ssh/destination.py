"""Who is reached where, by which keys? What an environment says of SSH, ready for use."""

from dataclasses import dataclass, field
from pathlib import Path

from releaser.shell.known_hosts import KnownHosts

__all__ = ["Destination"]


@dataclass(frozen=True, slots=True)
class Destination:
    """One login on one host. Two with the same values share one connection."""

    host: str
    user: str
    known_hosts: KnownHosts = field(repr=False)
    port: int = 22
    key: Path | None = None
    """A private key; its user certificate is KEY-cert.pub beside it. None: the user's usual keys."""
    agent: bool = True
    """Whether keys of an SSH agent are offered too."""
    jump: "Destination | None" = None
    connect: float = 10.0
    """Seconds for a connection, from the name to the login."""

    @property
    def address(self) -> str:
        """For people."""
        plain = f"{self.user}@{self.host}" + (f":{self.port}" if self.port != 22 else "")
        return f"{plain} by way of {self.jump.address}" if self.jump else plain
