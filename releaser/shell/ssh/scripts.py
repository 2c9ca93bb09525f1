"""Which command lines are sent to a host? Pure; no value of the application or of a secret is ever in one."""

import shlex
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from releaser.shell.scripts import agent_argv, agent_files, agent_name

__all__ = ["agent_command", "agent_digest", "install_command", "receive_command"]


def agent_command(python: str, agent: str, verb: str, *, sudo: str | None) -> str:
    return _line(agent_argv(python, agent, verb), sudo)


def install_command(python: str, root: str, *, new: bool, sudo: str | None) -> str:
    """What says whether the agent below `root` is whole; with `new` it reads the packed agent on stdin."""
    words = [root, agent_name(), agent_digest(), *(["new"] if new else [])]
    return _line([python, "-I", "-S", "-c", _script("install"), *words], sudo)


def receive_command(python: str, target: str, size: int, digest: str, *, sudo: str | None) -> str:
    """What makes its stdin the file `target`."""
    return _line([python, "-I", "-S", "-c", _script("receive"), target, str(size), digest], sudo)


@cache
def agent_digest() -> str:
    """As install.py takes it on the host."""
    found = sha256()
    for name, content in agent_files().items():
        found.update(name.encode() + b"\0" + content + b"\0")
    return found.hexdigest()


@cache
def _script(name: str) -> str:
    return files("releaser.shell.ssh.onhost").joinpath(f"{name}.py").read_text(encoding="utf-8")


def _line(argv: Sequence[str], sudo: str | None) -> str:
    """For the user's shell. `sudo -n` never asks; it changes only who the process is."""
    words = ["sudo", "-n", "-u", sudo, "--", *argv] if sudo else list(argv)
    return "exec " + shlex.join(words)
