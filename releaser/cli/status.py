"""releaser status: what runs, what users get, the evidence, the way back."""

from releaser.cli.chosen_hosts import HostChoice, host_options
from releaser.cli.options import flag, verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Exit: 0 if it could read. With --check: 0 healthy, 1 the stable release is
down, a host is behind or something does not answer, 3 the last release was
taken back, 5 routers differ or a release was abandoned, 8 running, 9 held.
"""


@verb(epilog=EPILOG, short_help="what runs, what users get, the evidence, the way back")
@flag("--check", "Say in the exit code whether all is well.")
@host_options
def command(run: Run, *, check: bool, hosts: tuple[str, ...], groups: tuple[str, ...]) -> Reply:
    """Show what runs, what users get, the evidence, and the way back.

    Without -e all environments of the folder. It changes nothing, and Ctrl-C
    never touches a release.
    """
    from releaser.cli.looking import look

    return look(run, HostChoice(hosts, groups), check=check)
