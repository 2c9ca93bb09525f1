"""The one way to run things on a host: one agent verb with one JSON request, or one file put in place."""

from releaser.shell.base import Shell
from releaser.shell.local import LocalShell
from releaser.shell.scripts import agent_argv, agent_bytes, agent_name

__all__ = ["LocalShell", "Shell", "agent_argv", "agent_bytes", "agent_name"]
