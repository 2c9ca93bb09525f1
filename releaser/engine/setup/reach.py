"""How are the hosts reached that are not prepared yet? With their keys pinned or shown first, and scripts run by root."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from releaser.config.environment import Environment, Ssh
from releaser.engine.remote import local_path
from releaser.errors import ConfigError, UnknownError
from releaser.shell.as_root import argv, check
from releaser.shell.known_hosts import KnownHosts, parse, read_known_hosts

if TYPE_CHECKING:
    from releaser.shell.ssh import Connections, Destination
    from releaser.shell.ssh.scan import Shown

__all__ = ["Reach", "Unknown", "logins"]

SCAN = 15.0
"""Seconds for a host to show its key."""
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Unknown:
    """A host whose key is not in its known_hosts yet, and the key that it shows."""

    shown: "Shown"
    file: Path


def logins(environment: Environment, login: str | None) -> Mapping[str, Ssh | None]:
    """Host -> how it is logged in to; None: this machine. `login` takes the place of the users that release."""
    found: dict[str, Ssh | None] = {}
    for target in environment.targets.values():
        ssh = target.ssh or Ssh()
        how = None if target.connection == "local" else ssh.model_copy(update={"user": login or ssh.user})
        for host in [*(one.name for one in target.options.hosts), *target.router.hosts]:
            found.setdefault(host, how)
    return found


class Reach:
    """`folder` is where ./known_hosts and ./key lie. Nothing of SSH is imported before it is used."""

    def __init__(self, hosts: Mapping[str, Ssh | None], folder: Path) -> None:
        self._hosts = hosts
        self._folder = folder
        self._connections: Connections | None = None

    def unknown(self) -> tuple[Unknown, ...]:
        """Keys to be shown and pinned. Jump hosts come first, alone: ask again once they are pinned.

        Raises UnreachableError for a host that shows none, and FailedError for a jump host whose key is not the pinned one.
        """
        for group in (self._jumps(), self._ends()):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                asked = pool.map(lambda one: self._unknown(*one), dict(group).items())
                found = {one.shown.host: one for one in asked if one is not None}
            if found:
                return tuple(found.values())
        return ()

    def pin(self, keys: Sequence[Unknown]) -> None:
        """One more line each, below those that are there. Raises ConfigError where the file cannot be written."""
        for key in keys:
            try:
                key.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                before = key.file.read_bytes() if key.file.exists() else b""
                with key.file.open("ab") as file:
                    file.write(
                        (b"\n" if before and not before.endswith(b"\n") else b"") + f"{key.shown.line}\n".encode()
                    )
            except OSError as error:
                raise ConfigError(
                    f"{key.file} cannot be written ({error.strerror}); name another: ssh: {{ known_hosts: ./known_hosts }}",
                    code="known-hosts",
                ) from error

    def run(self, host: str, script: str, words: tuple[str, ...], *, within: float) -> str:
        """What the script printed there, run by root. Raises PortError and ConfigError."""
        ssh = self._hosts[host]
        if ssh is None:
            return _here(host, script, words, within)
        from releaser.shell.ssh.script import run_as_root

        until = monotonic() + within
        return run_as_root(self._pool(), self._destination(ssh, host), script, words, until=until)

    def log_in(self, host: str, *, within: float) -> None:
        """Raises PortError where nobody is let in. On this machine everybody is in already."""
        ssh = self._hosts[host]
        if ssh is not None:
            self._pool().get(self._destination(ssh, host), until=monotonic() + within)

    def close(self) -> None:
        if self._connections is not None:
            self._connections.close()
            self._connections = None

    def _pool(self) -> "Connections":
        from releaser.shell.ssh import Connections

        if self._connections is None:
            self._connections = Connections()
        return self._connections

    def _jumps(self) -> "Iterator[tuple[Destination, Path]]":
        for ssh in self._hosts.values():
            if ssh is not None and ssh.jump:
                yield self._destination(ssh.model_copy(update={"jump": None}), ssh.jump), self._file(ssh)

    def _ends(self) -> "Iterator[tuple[Destination, Path]]":
        for host, ssh in self._hosts.items():
            if ssh is not None:
                yield self._destination(ssh, host), self._file(ssh)

    def _unknown(self, to: "Destination", file: Path) -> Unknown | None:
        from releaser.shell.ssh.scan import scan

        if to.known_hosts.pins(to.host, to.port).accepted:
            return None  # what it shows is compared when we connect
        return Unknown(scan(to, self._pool(), until=monotonic() + SCAN), file)

    def _file(self, ssh: Ssh) -> Path:
        return local_path(ssh.known_hosts, self._folder)

    def _destination(self, ssh: Ssh, host: str) -> "Destination":
        from releaser.shell.ssh import Destination, load_key

        key = local_path(ssh.key, self._folder) if ssh.key else None
        if key is not None:
            load_key(key)
        return Destination(
            host=host,
            user=ssh.user or getuser(),
            known_hosts=_known(self._file(ssh)),
            port=ssh.port,
            key=key,
            agent=ssh.agent,
            jump=self._destination(ssh.model_copy(update={"jump": None}), ssh.jump) if ssh.jump else None,
            connect=ssh.connect,
        )


def _known(file: Path) -> KnownHosts:
    """One that is not there yet knows nobody."""
    return read_known_hosts(file) if file.exists() else parse("", str(file))


def _here(host: str, script: str, words: tuple[str, ...], within: float) -> str:
    try:
        done = subprocess.run(argv(words), input=script, capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired:
        raise UnknownError(
            f"{host} was not prepared within {within:g} s; run the same again", code="time-out"
        ) from None
    check(host, getuser(), done.returncode, done.stderr)
    return done.stdout
