"""Hosts that are reached by SSH: the only code that knows Fabric and paramiko."""

from releaser.shell.ssh.destination import Destination
from releaser.shell.ssh.pool import Connections, load_key
from releaser.shell.ssh.shell import SshShell

__all__ = ["Connections", "Destination", "SshShell", "load_key"]
