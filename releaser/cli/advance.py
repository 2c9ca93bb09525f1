"""releaser advance: a human's PASS for one step."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run
from releaser.errors import UsageError


@verb(short_help="pass one step on your word instead of the evidence")
@click.option("--to", "share", metavar="PERCENT", help="Go on to this weight, such as 100%.")
@click.option("--expect", metavar="RELEASE/STEP", help="Only if this is what runs, such as 1.4.2/2.")
def command(run: Run, share: str | None, expect: str | None) -> Reply:
    """Pass one step on your word instead of the evidence. Needs --reason.

    It stands in the journal with your name.
    """
    from releaser.cli.requesting import request

    if not run.options.reason:
        raise UsageError(
            "advance needs a --reason; it stands in the journal in place of the evidence", code="no-reason"
        )
    return request(run, "advance", expect=expect, to=_percent(share) if share else None)


def _percent(share: str) -> int:
    digits = share.removesuffix("%")
    if not (digits.isascii() and digits.isdecimal() and 1 <= int(digits[:4]) <= 100):
        raise UsageError(f"--to {share[:20]!r} is not a weight; write a whole percentage such as 50%", code="usage")
    return int(digits)
