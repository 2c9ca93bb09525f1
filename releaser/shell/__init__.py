"""The one way to run things on a host: one agent verb with one JSON request, or one file put in place."""

from typing import TYPE_CHECKING, Any

from releaser.shell.base import Shell
from releaser.shell.scripts import agent_argv, agent_bytes, agent_name

if TYPE_CHECKING:
    from releaser.shell.local import LocalShell

__all__ = ["LocalShell", "Shell", "agent_argv", "agent_bytes", "agent_name"]


def __getattr__(name: str) -> Any:
    """The local shell is POSIX and costs time: whoever releases to other hosts, perhaps from Windows, never imports it."""
    if name != "LocalShell":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from releaser.shell.local import LocalShell

    return LocalShell
