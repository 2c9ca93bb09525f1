"""releaser pause: stay at this weight."""

import click

from releaser.cli.options import DURATION, verb
from releaser.cli.run import Reply, Run


@verb(short_help="stay at this weight; the judge goes on")
@click.option(
    "--max", "at_most", type=DURATION, default="1h", show_default=True, metavar="D", help="Then as on_failure says."
)
@click.option("--expect", metavar="RELEASE/STEP", help="Only if this is what runs, such as 1.4.2/2.")
def command(run: Run, at_most: float, expect: str | None) -> Reply:
    """Stay at this weight. The judge goes on: a bad verdict still goes back."""
    from releaser.cli.requesting import request

    return request(run, "pause", expect=expect, until=at_most)
