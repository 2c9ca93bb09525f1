"""releaser config: what an environment means."""

import click

from releaser.cli.options import flag, verb
from releaser.cli.run import Reply, Run


@verb(short_help="what an environment means, and where each value comes from")
@flag("--explain", "Beside each value the file and line it came from.")
@click.option("--schema", type=click.Choice(["environment", "playbook"]), help="The JSON Schema for editors instead.")
def command(run: Run, *, explain: bool, schema: str | None) -> Reply:
    """Check an environment and print it in its long form.

    Secrets are shown as the references that they are.
    """
    from releaser.cli.configuring import explained, schema_of

    return schema_of(schema) if schema else explained(run, origins=explain)
