"""What came of one command on a connection? Its output and status, or that we do not know: never a wait without an end."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Literal

import paramiko

from releaser.errors import FailedError, UnreachableError
from releaser.shell.ssh.connect import Link, cut
from releaser.shell.ssh.deadlines import Deadlines

__all__ = ["Ran", "close", "is_open", "leave", "run", "session"]

PART = 32768
"""Bytes in one message; a memoryview is cut into them so that nothing is copied again and again."""
AGAIN = 0.1
SUSPECT = 2.0
"""Seconds without any answer after which a connection is given up together with what it was used for: the next one is new."""
BACKSTOP = 1.0
"""Seconds after its deadline at which a channel that does not even time out loses its connection."""


@dataclass(frozen=True, slots=True)
class Ran:
    """`status` is None where none came: `lost` says whether time was over or the connection ended."""

    status: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    lost: Literal["", "time-out", "connection"] = ""


def run(connection: Link, command: str, stdin: bytes, deadlines: Deadlines, *, until: float) -> Ran:
    """Raises UnreachableError where the command was not sent, FailedError where the host runs no commands."""
    began = monotonic()
    with deadlines.until(until + BACKSTOP, lambda: cut(connection.transport.sock)):
        channel = session(connection, until)
        try:
            ran = _run(connection, channel, command, stdin, until)
        finally:
            leave(channel)
    if ran.lost == "time-out" and monotonic() - began > SUSPECT:
        close(connection)
    return ran


def is_open(connection: Link) -> bool:
    return connection.transport.is_active()


def close(connection: Link) -> None:
    """End it, without a wait for a peer that is gone."""
    cut(connection.transport.sock)
    connection.client.close()


def leave(channel: paramiko.Channel) -> None:
    """A channel whose connection is gone has nobody to be told of its end."""
    with suppress(paramiko.SSHException, EOFError, OSError):
        channel.close()


def session(connection: Link, until: float) -> paramiko.Channel:
    """A channel for a command or SFTP. Raises UnreachableError with nothing sent.

    One that the server refuses is asked for again: it has room for some at once (MaxSessions), and others of ours will end.
    """
    began = monotonic()
    while True:
        try:
            return connection.transport.open_session(timeout=max(0.1, until - monotonic()))
        except (paramiko.SSHException, EOFError, OSError) as error:
            # of several that are refused at once, paramiko tells only one why: what counts is whether the connection lives
            if not connection.transport.is_active() or monotonic() + AGAIN > until:
                if "Timeout" in str(error) and monotonic() - began > SUSPECT:
                    close(connection)
                raise _no_session(connection, error) from error
            sleep(AGAIN)


def _no_session(connection: Link, error: Exception) -> UnreachableError:
    said = str(error) or type(error).__name__
    return UnreachableError(f"{connection.host} opened no session: {said}; nothing was sent", code="session")


def _run(connection: Link, channel: paramiko.Channel, command: str, stdin: bytes, until: float) -> Ran:
    try:
        channel.exec_command(command)
    except (paramiko.SSHException, EOFError, OSError) as error:
        if connection.transport.is_active():
            raise FailedError(
                f"{connection.host} refused to run a command; allow {connection.user} to run commands over SSH",
                code="exec",
            ) from error
        return Ran(None, lost="connection")
    try:
        _send(channel, stdin, until)
        return _hear(channel, until)
    except TimeoutError:
        return Ran(None, lost="time-out")
    except (paramiko.SSHException, EOFError, OSError):
        return Ran(None, lost="connection")


def _send(channel: paramiko.Channel, stdin: bytes, until: float) -> None:
    left = memoryview(stdin)
    try:
        sent = -1
        while left and sent:
            channel.settimeout(max(0.01, until - monotonic()))
            sent = channel.send(bytes(left[:PART]))
            left = left[sent:]
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        return  # it ended without having read everything: its status says why


def _hear(channel: paramiko.Channel, until: float) -> Ran:
    stdout, stderr = _all(channel.recv, channel, until), _all(channel.recv_stderr, channel, until)
    if not channel.status_event.wait(max(0.0, until - monotonic())):
        raise TimeoutError
    status = channel.recv_exit_status()
    return Ran(None, stdout, stderr, "connection") if status == -1 else Ran(status, stdout, stderr)


def _all(receive: Callable[[int], bytes], channel: paramiko.Channel, until: float) -> bytes:
    parts: list[bytes] = []
    while True:
        channel.settimeout(max(0.01, until - monotonic()))
        part = receive(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
