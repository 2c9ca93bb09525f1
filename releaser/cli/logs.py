"""releaser logs: the application's own output."""

import click

from releaser.cli.chosen_hosts import HostChoice, host_options
from releaser.cli.options import VERSION, verb
from releaser.cli.run import Reply, Run


@verb(short_help="the application's own output")
@click.option("--release", metavar="R", type=VERSION, help="A release or version; the running one if not given.")
@click.option(
    "-n", "--lines", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The last so many of each."
)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@host_options
def command(
    run: Run, release: str | None, lines: int, *, follow: bool, hosts: tuple[str, ...], groups: tuple[str, ...]
) -> Reply:
    """Print the application's own output on the slots, a host before each line."""
    from releaser.cli.logging_out import logs

    return logs(run, release, lines, HostChoice(hosts, groups), follow=follow)
