"""Is the agent on the host, and what keeps it from being there? Asked once for each shell, before its first verb."""

import json
from dataclasses import dataclass
from typing import Any

from releaser.errors import FailedError, UnreachableError
from releaser.shell.scripts import agent_bytes
from releaser.shell.ssh.channel import Ran, run
from releaser.shell.ssh.connect import Link
from releaser.shell.ssh.deadlines import Deadlines
from releaser.shell.ssh.scripts import install_command

__all__ = ["Account", "Place", "last_line", "no_python", "placed"]

OLDEST = [3, 7]


@dataclass(frozen=True, slots=True)
class Account:
    """Who works on a host, with which Python, below which directory. `sudo` is whom `user` becomes for it."""

    host: str
    user: str
    root: str
    python: str
    sudo: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the agent and the records of its calls lie on the host, absolute."""

    agent: str
    calls: str


def placed(connection: Link, account: Account, deadlines: Deadlines, *, until: float) -> Place:
    """Looks, and places what is missing or damaged. Raises FailedError or UnreachableError where no agent can run."""
    for new in (False, True):
        command = install_command(account.python, account.root, new=new, sudo=account.sudo)
        ran = run(connection, command, agent_bytes() if new else b"", deadlines, until=until)
        told = _told(account, ran)
        if told["whole"]:
            return Place(told["agent"], told["calls"])
    raise UnreachableError(
        f"the agent cannot be placed on {account.host}: {told['why'] or 'it was damaged on the way'}; "
        f"{account.root} must be writable for {account.sudo or account.user} and not full",
        code="agent-start",
    )


def last_line(stdout: bytes) -> bytes:
    """The answer: what stands before it was said by the login's own profile."""
    return stdout.rpartition(b"\n")[2]


def _told(account: Account, ran: Ran) -> dict[str, Any]:
    """What install.py said, or in clear words why there is no such thing."""
    if ran.status is None:
        raise UnreachableError(f"{account.host} did not answer in time whether the agent is there", code="agent-start")
    try:
        told = json.loads(last_line(ran.stdout))
    except ValueError:
        raise no_python(account, ran) from None
    if told["python"] < OLDEST:
        raise FailedError(
            f"{account.python} on {account.host} is Python {'.'.join(map(str, told['python']))}, "
            "and 3.7 is the oldest that will do",
            fix=("name another one: ssh: { python: /usr/bin/python3.9 }",),
            code="python",
        )
    return dict(told)


def no_python(account: Account, ran: Ran) -> FailedError:
    """Why nothing of ours ran: sudo, or no Python."""
    said = ran.stderr.decode(errors="replace").strip()
    last = said.rpartition("\n")[2][:200]
    if account.sudo and "tty" in said:
        return FailedError(
            f"sudo on {account.host} wants a terminal (requiretty), and none is given to it",
            fix=(f"add to sudoers: Defaults:{account.user} !requiretty",),
            code="sudo-tty",
        )
    if account.sudo and said.startswith("sudo:"):
        return FailedError(
            f"sudo on {account.host} does not make {account.user} {account.sudo} without a password: {last}",
            fix=(
                f"add to sudoers: {account.user} ALL=({account.sudo}) NOPASSWD: {account.python}, with its whole path",
            ),
            code="sudo",
        )
    if ran.status in (126, 127):
        return FailedError(
            f"{account.host} has no {account.python} that could be run: {last}",
            fix=("install Python 3.7 or later there, or name it: ssh: { python: /opt/python/bin/python3 }",),
            code="python",
        )
    return FailedError(
        f"{account.python} on {account.host} ended with status {ran.status}: {last or 'it said nothing'}; it must run a script",
        code="python",
    )
