"""releaser doctor: would a release, and the way back from it, go through here?"""

from releaser.cli.chosen_hosts import HostChoice, host_options
from releaser.cli.options import verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser doctor -e production
  releaser doctor -e production --host web7 --host lb1

\b
Exit: 0 all well (warnings too), 6 where promote would be refused or the way
back could fail, 1 where something was asked and gave no answer. With -v a
line for every host.
"""


@verb(epilog=EPILOG, short_help="would a release and its way back go through; how to mend it")
@host_options
def command(run: Run, hosts: tuple[str, ...], groups: tuple[str, ...]) -> Reply:
    """Ask every host what a release would meet there, and change nothing.

    Reach, host keys, login, sudo, Python, clock, disk, rights, ports, units,
    routers and their settings, ledgers, guards; on this machine the playbook,
    secrets and the journal; and the way back, planned with every store of
    secrets and every counter walled off. Each line that is not well says what
    mends it. With --host or --group only those hosts.
    """
    from releaser.cli.examining import examined

    return examined(run, HostChoice(hosts, groups))
