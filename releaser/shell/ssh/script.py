"""How is a script run by root on a host where there is no agent yet?"""

from releaser.errors import UnknownError
from releaser.shell.as_root import check, command
from releaser.shell.ssh.channel import run
from releaser.shell.ssh.destination import Destination
from releaser.shell.ssh.pool import Connections

__all__ = ["run_as_root"]


def run_as_root(connections: Connections, to: Destination, script: str, words: tuple[str, ...], *, until: float) -> str:
    """What it printed, whatever it ended with. Raises FailedError where the user cannot become root, UnreachableError where
    nothing was sent, UnknownError where no end was heard of.
    """
    ran = run(connections.get(to, until=until), command(words), script.encode(), connections.deadlines, until=until)
    if ran.status is None:
        raise UnknownError(
            f"{to.host} did not say in time what came of its preparation; run the same again, it does what is left",
            code="time-out",
        )
    check(to.host, to.user, ran.status, ran.stderr.decode(errors="replace"))
    return ran.stdout.decode(errors="replace")
