"""Which key does a host show? Asked without a credential, a user's name or a command: only to be shown to a person."""

from dataclasses import dataclass
from time import monotonic

import paramiko

from releaser.errors import UnreachableError
from releaser.shell.known_hosts import fingerprint, host_name
from releaser.shell.ssh.connect import cut, swift, wire_to
from releaser.shell.ssh.deadlines import Deadlines
from releaser.shell.ssh.destination import Destination
from releaser.shell.ssh.pool import Connections

__all__ = ["Shown", "scan"]


@dataclass(frozen=True, slots=True)
class Shown:
    """`line` is what known_hosts would have for it."""

    host: str
    kind: str
    fingerprint: str
    line: str


def scan(to: Destination, connections: Connections, *, until: float) -> Shown:
    """The key that the host prefers to show; its jump host must be pinned. Raises UnreachableError, and what `get` raises."""
    via = connections.get(to.jump, until=until) if to.jump else None
    wire = wire_to(to, via, until)
    transport = swift(wire)
    try:
        with Deadlines().until(until, lambda: cut(wire)):
            transport.start_client(timeout=max(0.1, until - monotonic()))
            key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(f"{to.host} port {to.port} shows no host key: {error}", code="handshake") from error
    finally:
        transport.close()
        wire.close()
    name = host_name(to.host, to.port)
    return Shown(name, key.get_name(), fingerprint(key.asbytes()), f"{name} {key.get_name()} {key.get_base64()}")
