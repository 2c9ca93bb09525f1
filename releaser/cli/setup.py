"""releaser setup: prepare hosts and load balancers."""

import click

from releaser.cli.chosen_hosts import host_options
from releaser.cli.options import flag, verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser setup -e production --login root
  releaser setup -e production --print > prepare.sh
  releaser setup -e production -y --accept-host-key SHA256:...

\b
Exit: 0 all is as it should be, or is now; 1 something failed or a host did
not answer; 6 a person must decide first, and nothing was done.
"""


@verb(epilog=EPILOG, short_help="prepare hosts and load balancers; --print gives the script")
@flag("--print", "The script for whoever has root; touches nothing.")
@click.option("--login", metavar="USER", help="Who logs in for this: root, or one with sudo.")
@click.option("--authorize", metavar="FILE", help="Let this public key in as the user who releases.")
@click.option(
    "--accept-host-key",
    "accepted",
    multiple=True,
    metavar="SHA256:...",
    help="Pin the host key that has it; repeatable.",
)
@click.option("--start", metavar="COMMAND", help="How the application starts, for a missing unit.")
@click.option("--service-user", metavar="USER", help="Whom that unit runs the application as.")
@click.option("--haproxy-config", metavar="FILE", help="If not /etc/haproxy/haproxy.cfg.")
@click.option("--haproxy-reload", metavar="COMMAND", help="If systemd does not run HAProxy.")
@host_options
def command(run: Run, **given: object) -> Reply:
    """Prepare the hosts of an environment, and its load balancers.

    User, directory, sudoers line, units, HAProxy's servers, socket and state
    file, and known_hosts. It shows what it would do and asks first. Run it
    again at any time: what is as it should be is left alone.
    """
    from releaser.cli.setting_up import set_up

    return set_up(run, given)
