"""Which connections are open? One for each login, made when it is first needed, kept warm until the end of the release.

A rollback needs no handshake then. Every jump host has one connection too, and a limit of starts through it at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep

import paramiko

from releaser.errors import ConfigError, FailedError, UnreachableError
from releaser.shell.ssh.channel import close, is_open, run
from releaser.shell.ssh.connect import Link, connect
from releaser.shell.ssh.deadlines import Deadlines
from releaser.shell.ssh.destination import Destination

__all__ = ["Connections", "load_key"]

STARTS = 8
"""Connections that are begun at once through one jump host: sshd's MaxStartups refuses at random above 10."""
PAUSES = (0.1, 0.3, 0.9)
"""Seconds before another try where a server hung up before it said anything, as one that is short of room does."""


class Line:
    """One login's place in the pool."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: Link | None = None


class Connections:
    """May be used from several threads: those that need the same login wait for one connection.

    `sign_of_life`: seconds between two questions to a host behind a jump host, and for each answer; no keep-alive of the
    kernel's reaches it.
    """

    def __init__(self, sign_of_life: float = 5.0) -> None:
        self._sign_of_life = sign_of_life
        self.deadlines = Deadlines()
        self._lock = threading.Lock()
        self._lines: dict[Destination, Line] = {}
        self._starts: dict[Destination, threading.BoundedSemaphore] = {}
        self._closed = threading.Event()

    def get(self, to: Destination, *, until: float) -> Link:
        """An open connection, made now if there is none. Raises UnreachableError or FailedError, as connect."""
        with self._lock:
            line = self._lines.setdefault(to, Line())
        with _held(line.lock, to, until):
            if line.connection is not None and not is_open(line.connection):
                line.connection.client.close()
                line.connection = None
            if line.connection is None:
                line.connection = self._start(to, min(until, monotonic() + to.connect))
            return line.connection

    def close(self) -> None:
        """Every connection, the jump hosts' last."""
        self._closed.set()
        with self._lock:
            lines, self._lines = self._lines, {}
        for _, line in sorted(lines.items(), key=lambda item: item[0].jump is None):
            if line.connection is not None:
                close(line.connection)

    def _start(self, to: Destination, until: float) -> Link:
        key = load_key(to.key) if to.key else None
        for pause in (*PAUSES, None):
            try:
                return self._once(to, key, until)
            except UnreachableError as error:
                if error.code != "handshake" or pause is None or monotonic() + pause > until:
                    raise
                sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _once(self, to: Destination, key: paramiko.PKey | None, until: float) -> Link:
        if to.jump is None:
            return connect(to, key, None, self.deadlines, until=until)
        via = self.get(to.jump, until=until)
        with self._lock:
            starts = self._starts.setdefault(to.jump, threading.BoundedSemaphore(STARTS))
        with _held(starts, to, until):
            connection = connect(to, key, via, self.deadlines, until=until)
        threading.Thread(target=self._ask, args=(connection,), name=f"ssh-life-{to.host}", daemon=True).start()
        return connection

    def _ask(self, connection: Link) -> None:
        """Ends a connection that gives no sign of life, so that whoever waits on it hears of it."""
        while not self._closed.wait(self._sign_of_life) and is_open(connection):
            try:
                alive = (
                    run(connection, "true", b"", self.deadlines, until=monotonic() + self._sign_of_life).status
                    is not None
                )
            except (UnreachableError, FailedError):
                alive = False
            if not alive:
                close(connection)


@cache
def load_key(file: Path) -> paramiko.PKey | None:
    """The private key, with the certificate beside it; None where it has a passphrase: then an SSH agent must have it.

    Raises ConfigError for a file that is not a key.
    """
    try:
        return paramiko.PKey.from_path(file)
    except OSError as error:
        raise ConfigError(
            f"the SSH key {file} cannot be read: {error.strerror}; correct ssh.key", code="ssh-key"
        ) from None
    except (paramiko.PasswordRequiredException, TypeError):
        return None
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError):
        raise ConfigError(f"{file} is not a private key that SSH knows; correct ssh.key", code="ssh-key") from None


@contextmanager
def _held(lock: "threading.Lock | threading.BoundedSemaphore", to: Destination, until: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(0.0, until - monotonic())):
        raise UnreachableError(
            f"{to.host}: its turn to be connected did not come in time, nothing was sent", code="turn"
        )
    try:
        yield
    finally:
        lock.release()
