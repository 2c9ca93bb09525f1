"""How is a script run by root, here or on a host? It comes on stdin, and its words stand behind it."""

import shlex
from collections.abc import Sequence

from releaser.errors import FailedError

__all__ = ["argv", "check", "command"]

BECOME = 'if [ "$(id -u)" = 0 ]; then exec sh -s "$@"; else exec sudo -n -- sh -s "$@"; fi'


def argv(words: Sequence[str]) -> list[str]:
    return ["sh", "-c", BECOME, "releaser", *words]


def command(words: Sequence[str]) -> str:
    """The same for a login's shell."""
    return "exec " + shlex.join(argv(words))


def check(host: str, user: str, status: int, stderr: str) -> None:
    """Raises FailedError where nothing was run because `user` is not root there and sudo says no."""
    last = stderr.strip().rpartition("\n")[2][:200]
    if status and (last.startswith("sudo:") or "sudo: not found" in last):
        raise FailedError(
            f"{user} is not root on {host} and may not become it without a password ({last})",
            code="no-root",
        )
