"""Real SSH servers on loopback for one test: each the test's own child, with a host key, a home and faults of its own."""

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from releaser.shell.known_hosts import read_known_hosts
from releaser.shell.ssh import Connections, Destination, SshShell

SSHD = "/usr/sbin/sshd"
SFTP = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")
PORT = 2222
PATIENCE = 20.0


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def keygen(file: Path, *words: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file), *words], check=True)
    return file


class Server:
    """One sshd. Whoever logs in finds HOME in `home`, so that hosts on one machine do not share it."""

    def __init__(self, folder: Path, address: str, authorized: Path, settings: Sequence[str] = ()) -> None:
        self.address = address
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.key = keygen(folder / "host_key")
        self._authorized = authorized
        self._process: subprocess.Popen[bytes] | None = None
        self.inside: Sequence[str] = ()
        """What the server is started by: a command that ends in exec."""
        self.configure(*settings)

    def configure(self, *settings: str) -> None:
        """Takes effect at the next start. The first value of a keyword counts, so a test's own come first."""
        sftp = next(path for path in SFTP if Path(path).exists())
        lines = [
            *settings,
            f"ListenAddress {self.address}:{PORT}",
            f"HostKey {self.key}",
            f"AuthorizedKeysFile {self._authorized}",
            f"PidFile {self.folder}/sshd.pid",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "UseDNS no",
            "PrintMotd no",
            "LogLevel VERBOSE",
            f"SetEnv HOME={self.home}",
            *([] if any(line.startswith("Subsystem") for line in settings) else [f"Subsystem sftp {sftp}"]),
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        command = [
            *self.inside,
            SSHD,
            "-D",
            "-f",
            str(self.folder / "sshd_config"),
            "-E",
            str(self.folder / "sshd.log"),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        until(self._listens)

    def stop(self) -> None:
        """The server and its sessions: the power goes out."""
        if self._process is not None:
            for pid in [*self.sessions(), self._process.pid]:
                _signal(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def sessions(self) -> list[int]:
        """The processes that serve connections, children of the server and theirs."""
        return [] if self._process is None else _below(self._process.pid, "sshd")

    def cut(self) -> int:
        """End every connection, as a firewall does that forgets them; what they started goes on. How many processes."""
        sessions = self.sessions()
        for pid in sessions:
            _signal(pid, signal.SIGKILL)
        return len(sessions)

    def freeze(self, number: signal.Signals = signal.SIGSTOP) -> None:
        for pid in self.sessions():
            _signal(pid, number)

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    def pin(self) -> str:
        """Its line in known_hosts."""
        return f"[{self.address}]:{PORT} {' '.join(self.key.with_suffix('.pub').read_text().split()[:2])}\n"

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            socket.create_connection((self.address, PORT), timeout=1).close()
        except OSError:
            return False
        return True


def no_words(server: Server) -> Sequence[str]:
    return ()


class Lab:
    """Servers below `root`, one client key that they all let in, and everything that was made of them.

    They have addresses of 127.0.NET: labs that may be there at the same time have nets of their own.
    """

    def __init__(self, root: Path, net: int = 77) -> None:
        self.root = root
        self.net = net
        self.key = keygen(root / "id")
        self.authorized = root / "authorized_keys"
        shutil.copyfile(root / "id.pub", self.authorized)
        self.known_hosts = root / "known_hosts"
        self.known_hosts.touch()
        self.servers: list[Server] = []
        self.pools: list[Connections] = []

    def server(
        self, *settings: str, pinned: bool = True, inside: Callable[[Server], Sequence[str]] = no_words
    ) -> Server:
        """Another host, running."""
        number = len(self.servers)
        server = Server(self.root / f"host{number}", f"127.0.{self.net}.{11 + number}", self.authorized, settings)
        self.servers.append(server)
        server.inside = inside(server)
        server.start()
        if pinned:
            with self.known_hosts.open("a") as file:
                file.write(server.pin())
        return server

    def to(self, server: Server, **options: Any) -> Destination:
        known = options.pop("known_hosts", None) or read_known_hosts(self.known_hosts)
        usual: dict[str, Any] = {"port": PORT, "key": self.key, "agent": False}
        return Destination(server.address, getpass.getuser(), known, **usual | options)

    def pool(self, **options: float) -> Connections:
        self.pools.append(Connections(**options))
        return self.pools[-1]

    def shell(self, server: Server, *, pool: Connections | None = None, **options: Any) -> SshShell:
        words = {name: options.pop(name) for name in ("sudo", "progress", "python") if name in options}
        usual: dict[str, Any] = {"python": sys.executable}
        return SshShell(self.to(server, **options), "~/shop/.releaser", pool or self.pool(), **usual | words)

    def close(self) -> None:
        for pool in self.pools:
            pool.close()
        for server in self.servers:
            server.freeze(signal.SIGCONT)
            server.stop()


@contextmanager
def opened(root: Path, net: int = 77) -> Iterator[Lab]:
    """Skips where the machine has no sshd; in CI it must have one."""
    if not Path(SSHD).exists():
        assert not os.environ.get("CI"), "CI needs openssh-server"
        pytest.skip("openssh-server is not installed")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, started by root, gives up its rights
    lab = Lab(root, net)
    try:
        yield lab
    finally:
        lab.close()


def quoted(*words: str) -> str:
    return shlex.join(words)


def _below(parent: int, name: str) -> list[int]:
    """Descendants whose command is `name`."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (entry / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(tail.split()[1]) == parent and head.partition("(")[2].startswith(name):
            found += [int(entry.name), *_below(int(entry.name), name)]
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
