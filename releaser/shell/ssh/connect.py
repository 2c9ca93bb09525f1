"""How does a connection come about? Our own socket, the host's key checked against its pins, and only then our credentials.

Fabric's Connection accepts any key of a host that it does not know, and paramiko offers ciphers and MACs that nobody should
use any more: both are replaced on every connection.
"""

import logging
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import fabric  # type: ignore[import-untyped]  # Fabric ships no types; it is used here only
import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from releaser.errors import FailedError, UnreachableError
from releaser.shell.known_hosts import Pins
from releaser.shell.ssh.deadlines import Deadlines
from releaser.shell.ssh.destination import Destination
from releaser.shell.ssh.host_keys import Pinned, not_pinned

__all__ = ["Link", "connect", "cut", "swift", "wire_to"]

logging.getLogger("paramiko").addHandler(logging.NullHandler())
# or Python's last resort prints paramiko's tracebacks of every refused connection on the operator's screen

NO_FILES = {"load_ssh_configs": False}
"""Nothing from files of the user's: the environment alone says how a host is reached, on every machine."""

BROKEN = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
}
KEEP_ALIVE = 1
"""Seconds of silence after which the kernel asks whether the other side is still there."""
GIVEN_UP = 5
"""Seconds without an acknowledgement after which a connection is dead, whatever it was doing."""
SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEP_ALIVE),
    (socket.IPPROTO_TCP, "TCP_KEEPALIVE", KEEP_ALIVE),  # what macOS calls it
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", KEEP_ALIVE),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", GIVEN_UP),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", GIVEN_UP * 1000),
)
"""Each where the platform has it: Windows and macOS know fewer."""


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A connection that is logged in."""

    host: str
    user: str
    client: paramiko.SSHClient
    transport: paramiko.Transport


def connect(
    to: Destination, key: paramiko.PKey | None, via: Link | None, deadlines: Deadlines, *, until: float
) -> Link:
    """A connection that is logged in. `via` is the one to its jump host.

    Raises UnreachableError where nothing was said that a repeat could hurt: no address, no answer, hung up. Raises
    FailedError where a repeat gives the same: an unknown or changed host key, login refused, no common algorithm.
    """
    wire = wire_to(to, via, until)
    pins = to.known_hosts.pins(to.host, to.port)
    connection = made(to, wire, key, pins, max(0.1, until - monotonic()))
    connection.client.set_missing_host_key_policy(Pinned(pins, until))
    try:
        with deadlines.until(until, lambda: cut(wire)):
            connection.open()
    except (FailedError, paramiko.SSHException, OSError, EOFError) as error:
        alive = _alive(connection.client)
        connection.client.close()
        wire.close()
        raise _explained(to, pins, error, alive=alive) from error
    return Link(to.host, to.user, connection.client, connection.transport)


def made(to: Destination, wire: Any, key: paramiko.PKey | None, pins: Pins, left: float) -> Any:
    """Fabric's connection, not open yet, with settings of its own: several threads that share some break one another's."""
    return fabric.Connection(
        to.host.strip("[]"),
        user=to.user,
        port=to.port,
        config=fabric.Config(overrides=NO_FILES, lazy=True),
        connect_kwargs={
            "sock": wire,
            "timeout": left,
            "banner_timeout": left,
            "auth_timeout": left,
            "channel_timeout": to.connect,
            "pkey": key,
            "allow_agent": to.agent,
            "look_for_keys": key is None,
            "transport_factory": swift,
            "disabled_algorithms": BROKEN | {"keys": not_pinned(pins)},
        },
    )


def swift(wire: Any, disabled_algorithms: Mapping[str, Iterable[str]] | None = None) -> paramiko.Transport:
    """A transport that would rather have AES-GCM: a fifth less CPU for an upload than paramiko's first choice, and as safe."""
    transport = paramiko.Transport(wire, disabled_algorithms=disabled_algorithms)
    preferences = transport.get_security_options()
    preferences.ciphers = sorted(preferences.ciphers, key=lambda name: "gcm" not in name)
    return transport


def cut(wire: Any) -> None:
    """End whatever waits on a socket or on a channel of the jump host, from any thread, without waiting oneself."""
    if isinstance(wire, socket.socket):
        with suppress(OSError):  # it may be closed already
            wire.shutdown(socket.SHUT_RDWR)
    else:
        wire._unlink()  # noqa: SLF001 - Channel.close() sends a message, and so could block on the same dead wire


def wire_to(to: Destination, via: Link | None, until: float) -> socket.socket | paramiko.Channel:
    """What bytes go over, from here or from its jump host; nothing is said yet. Raises UnreachableError."""
    return _through(via, to, until) if via else _socket(to, until)


def _socket(to: Destination, until: float) -> socket.socket:
    try:
        wire = socket.create_connection((to.host.strip("[]"), to.port), timeout=max(0.1, until - monotonic()))
    except socket.gaierror as error:
        raise UnreachableError(
            f"the name {to.host} does not resolve ({error.strerror}); correct it, or this machine's DNS", code="resolve"
        ) from error
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise UnreachableError(f"{to.host} port {to.port} cannot be reached: {why}", code="connect") from error
    for level, name, value in SOCKET_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            wire.setsockopt(level, option, value)
    return wire


def _through(via: Link, to: Destination, until: float) -> paramiko.Channel:
    """A channel of the jump host's connection, to be used like a socket."""
    wanted = (to.host.strip("[]"), to.port)
    try:
        return via.transport.open_channel("direct-tcpip", wanted, ("", 0), timeout=max(0.1, until - monotonic()))
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(
            f"the jump host {via.host} does not reach {to.host} port {to.port}: {_said(error)}", code="jump"
        ) from error


def _alive(client: paramiko.SSHClient) -> bool:
    transport = client.get_transport()
    return transport is not None and transport.is_active()


def _explained(to: Destination, pins: Pins, error: Exception, *, alive: bool) -> FailedError | UnreachableError:
    if isinstance(error, FailedError):
        return error
    if isinstance(error, IncompatiblePeer):
        if "host key" in str(error):
            return FailedError(
                f"{pins.host} has no key of a type that {pins.source} pins ({', '.join(pins.kinds)}), so nothing was sent to it",
                fix=(f"find out whether the host was set up anew; if so, replace its line in {pins.source}",),
                code="host-key-changed",
            )
        return FailedError(
            f"{to.host} offers only algorithms that are broken or not known here: {_said(error)}; "
            "its SSH server must be brought up to date",
            code="algorithms",
        )
    if isinstance(error, paramiko.AuthenticationException) and (
        alive or isinstance(error, paramiko.BadAuthenticationType)
    ):
        return _refused(to)
    if isinstance(error, paramiko.SSHException) and "No authentication methods" in str(error):
        return _refused(to)
    return UnreachableError(f"{to.host} port {to.port} hung up or fell silent: {_said(error)}", code="handshake")


def _refused(to: Destination) -> FailedError:
    what = f"the key {to.key}" if to.key else "any of the usual keys"
    return FailedError(
        f"{to.host} does not let {to.user} in with {what}{' or of the SSH agent' if to.agent else ''}",
        fix=(
            f"add the public key to ~{to.user}/.ssh/authorized_keys on {to.host}",
            "a key with a passphrase is used through an SSH agent: ssh-add",
        ),
        code="auth",
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
