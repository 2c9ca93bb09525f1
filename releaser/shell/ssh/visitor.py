"""How is a host that is reached by SSH asked something so that nothing of us stays there? See shell/visiting.py."""

import json
import shlex
from collections.abc import Mapping
from time import monotonic, time
from typing import Any, NoReturn

from releaser.errors import FailedError
from releaser.shell.base import decode
from releaser.shell.ssh.channel import Ran, run
from releaser.shell.ssh.placing import Account, last_line, no_python
from releaser.shell.ssh.shell import SshShell
from releaser.shell.visiting import Span, no_copies, no_time, visit_argv, visit_bytes

__all__ = ["SshVisitor", "visit_command"]

MARGIN = 0.1
"""The part of a call's time that is left for its answer to come back, once it has ended itself on the host."""


class SshVisitor:
    """The same login on the same host, with the same rights, as a Shell that leaves nothing there."""

    def __init__(self, shell: SshShell) -> None:
        self.name = shell.name
        self.span: Span | None = None
        self._to = shell.to
        self._account = Account(shell.name, shell.to.user, shell.root, shell.python, shell.sudo)
        self._connections = shell.connections

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        """As a Shell; only for verbs that change nothing."""
        until = monotonic() + within
        connection = self._connections.get(self._to, until=until)
        limit = (1 - MARGIN) * max(0.0, until - monotonic())
        command = visit_command(self._account.python, self._account.sudo)
        began = time()
        ran = run(connection, command, visit_bytes(verb, request, limit), self._connections.deadlines, until=until)
        self.span = (began, time())
        if ran.status is None:
            raise no_time(verb, self.name, within)
        said = last_line(ran.stdout)
        self._expect_python(ran, said)
        return decode(verb, self.name, status=ran.status, stdout=said, stderr=ran.stderr)

    def put(self, *_: Any, **__: Any) -> NoReturn:
        raise no_copies(self.name)

    def _expect_python(self, ran: Ran, said: bytes) -> None:
        """Raises FailedError where nothing of ours ran: no Python, one that is too old, or sudo said no."""
        if not said and ran.status:
            raise no_python(self._account, ran)
        if said.startswith(b'{"old":'):
            version = ".".join(map(str, json.loads(said)["old"]))
            raise FailedError(
                f"{self._account.python} on {self.name} is Python {version}, and 3.7 is the oldest that will do",
                fix=("name another one: ssh: { python: /usr/bin/python3.9 }",),
                code="python",
            )


def visit_command(python: str, sudo: str | None) -> str:
    """For the user's shell. `sudo -n` never asks; it changes only who the process is."""
    words = ["sudo", "-n", "-u", sudo, "--"] if sudo else []
    return "exec " + shlex.join([*words, *visit_argv(python)])
