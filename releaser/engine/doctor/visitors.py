"""Who asks each host, so that nothing of us stays there? One visitor a login, for every target that is on it."""

from typing import TYPE_CHECKING, Any

from releaser.shell.visiting import LocalVisitor

if TYPE_CHECKING:
    from releaser.engine.wiring import Wiring
    from releaser.shell.ssh.visitor import SshVisitor

__all__ = ["Visitors", "visitors_of"]

Visitors = dict[tuple[str, str], "LocalVisitor | SshVisitor"]
"""By target and host: two targets on one login have the same visitor, and so one process there."""


def visitors_of(wiring: "Wiring") -> Visitors:
    """Connects to nobody yet. Raises ConfigError for a known_hosts or a key that cannot be used."""
    found: Visitors = {}
    logins: dict[Any, Any] = {}
    for name, target in wiring.environment.targets.items():
        placed: Any = target.options
        for host in dict.fromkeys([*(one.name for one in placed.hosts), *target.router.hosts]):
            if target.connection == "local":
                found[name, host] = logins.setdefault(None, LocalVisitor(host))
                continue
            from releaser.shell.ssh.visitor import SshVisitor

            shell: Any = wiring.remote.shell(target, host, f"{wiring.path_of(target)}/.releaser", wiring.folder)
            login = (shell.to, shell.python, shell.sudo)
            found[name, host] = logins.setdefault(login, SshVisitor(shell))
    return found
