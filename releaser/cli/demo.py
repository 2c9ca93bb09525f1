"""releaser demo: a whole environment on this machine."""

from pathlib import Path

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run


@verb(short_help="see a good release, a bad one and the way back, on this machine")
@click.option("--fast", is_flag=True, help="Shorter waits; the servers and the requests are as real.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Leave the report and the journal there.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Where the router listens; else a free port.")
def command(run: Run, fast: bool, keep: Path | None, port: int | None) -> Reply:
    """Bring up an application, a router and traffic on this machine, and release to it.

    A good version reaches everyone. A bad one is noticed by its users' requests and taken back. A release whose
    process is killed in the middle is taken back by the router's own guard. Then one command goes back a version. Needs
    no root and no server; leaves no process and no file.
    """
    from releaser.cli.demo_story import play

    return play(run, fast=fast, keep=keep, port=port)
