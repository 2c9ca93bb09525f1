"""releaser promote: bring a version to an environment."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from releaser.cli.options import DURATION, VERSION, flag, verb
from releaser.cli.run import Reply, Run
from releaser.errors import UsageError

if TYPE_CHECKING:
    from releaser.cli.promotion import Wanted

EPILOG = """\b
Examples:
  releaser promote 1.4.2 -e production
  releaser promote 1.4.2 -e production --playbook hotfix --reason "OPS-12"
  releaser promote 1.4.2 -e production --wait-lock 15m -o jsonl
  releaser plan 1.4.2 -e production --save plan.json
  releaser promote 1.4.2 -e production --plan plan.json

\b
Exit: 0 promoted or unchanged, 3 rolled back, 5 rollback incomplete,
6 refused, 7 another holds the environment, 8 goes on elsewhere, 9 held,
130 interrupted before anything was shifted.
"""


@verb(epilog=EPILOG, short_help="bring a version to an environment, step by step")
@click.argument("version", type=VERSION)
@click.option("--playbook", metavar="NAME", help="Another playbook than the environment's.")
@click.option(
    "--plan", "plan_file", metavar="FILE", type=click.Path(path_type=Path), help="Only if it is still this plan."
)
@click.option("--expect-plan", metavar="DIGEST", help="The same, by the plan's digest.")
@click.option("--wait-lock", type=DURATION, metavar="D", help="Wait so long for another release to end.")
@flag("--supersede", "Take a running release back first.")
@flag("--stable-is-down", "Judge by fixed bounds only; needs --reason.")
@flag("--retry-bad", "Although it was judged bad; needs --reason.")
@flag("--unfreeze", "Although the environment is frozen; needs --reason.")
@flag("--detach", "Leave it to a process of its own; exit at once.")
@click.option("--attached-to", hidden=True, metavar="ID")
def command(run: Run, version: str, plan_file: Path | None, expect_plan: str | None, **flags: object) -> Reply:
    """Bring VERSION to an environment, step by step, as its playbook says.

    The release is judged at every step against the version beside it, and
    goes back by itself. Ctrl-C takes it back. At a terminal the plan is shown
    and you are asked; elsewhere, and with -y, it begins at once.
    """
    from releaser.cli.promotion import Wanted, promote

    return promote(run, _wanted(Wanted, run, version, plan_file, expect_plan, flags))


def _wanted(
    kind: "type[Wanted]", run: Run, version: str, plan_file: Path | None, digest: str | None, flags: dict[str, object]
) -> "Wanted":
    for name in ("stable_is_down", "retry_bad", "unfreeze"):
        if flags[name] and not run.options.reason:
            raise UsageError(f"--{name.replace('_', '-')} needs a --reason; it stands in the journal", code="no-reason")
    if flags["detach"] and flags["attached_to"]:
        raise UsageError("--attached-to is for releaser itself; leave it out")
    if plan_file is not None:
        from releaser.cli.plan_file import read_plan_file

        saved = read_plan_file(plan_file)
        if saved.version != version:
            raise UsageError(
                f"{plan_file} plans {saved.version}, not {version}; name the same version", code="plan-file"
            )
        digest, flags = saved.digest, {**flags, "secrets": saved.secrets}
    return kind(version=version, digest=digest, **flags)  # type: ignore[arg-type]  # click's types are those of the fields
