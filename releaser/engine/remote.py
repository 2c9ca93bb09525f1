"""Which shell reaches a host by SSH? What an environment says of it, and one pool of connections for all its targets."""

from pathlib import Path
from typing import TYPE_CHECKING

from releaser.config.environment import Ssh, Target
from releaser.errors import ConfigError
from releaser.shell import Shell

if TYPE_CHECKING:
    from releaser.shell.known_hosts import KnownHosts
    from releaser.shell.ssh import Connections, Destination

__all__ = ["RemoteShells", "remote_path"]


class RemoteShells:
    """Connections are made when a shell is first used, and kept until `close`. Nothing of SSH is imported before."""

    def __init__(self) -> None:
        self._connections: Connections | None = None
        self._known: dict[Path, KnownHosts] = {}

    def shell(self, target: Target, host: str, root: str, folder: Path) -> Shell:
        """`folder` is where ./known_hosts and ./key lie. Raises ConfigError for a known_hosts or a key that cannot be used."""
        from releaser.shell.ssh import Connections, SshShell

        ssh = target.ssh or Ssh()
        if self._connections is None:
            self._connections = Connections()
        to = self._destination(ssh, host, folder)
        return SshShell(to, root, self._connections, name=host, python=ssh.python, sudo=ssh.sudo)

    def close(self) -> None:
        """Give the connections back; the next shell makes others."""
        if self._connections is not None:
            self._connections.close()
            self._connections = None

    def _destination(self, ssh: Ssh, host: str, folder: Path) -> "Destination":
        from getpass import getuser

        from releaser.shell.ssh import Destination, load_key

        key = local_path(ssh.key, folder) if ssh.key else None
        if key is not None:
            load_key(key)  # so that one that is no key is said before anything else is done
        return Destination(
            host=host,
            user=ssh.user or getuser(),
            known_hosts=self._known_hosts(local_path(ssh.known_hosts, folder)),
            port=ssh.port,
            key=key,
            agent=ssh.agent,
            jump=self._destination(ssh.model_copy(update={"jump": None}), ssh.jump, folder) if ssh.jump else None,
            connect=ssh.connect,
        )

    def _known_hosts(self, file: Path) -> "KnownHosts":
        from releaser.shell.known_hosts import read_known_hosts

        if file not in self._known:
            self._known[file] = read_known_hosts(file)
        return self._known[file]


def local_path(path: str, folder: Path) -> Path:
    """~ is the user's home, and what is not absolute lies in the folder of the environments."""
    return folder.resolve() / Path(path).expanduser()


def remote_path(path: str) -> str:
    """As the host will read it. Raises ConfigError for one that would depend on where a login begins."""
    if not path.startswith(("/", "~/")):
        raise ConfigError(
            f"path {path!r} is on hosts that are reached by SSH, so it must begin with / or ~/; ./ means a folder of this machine"
        )
    return path
