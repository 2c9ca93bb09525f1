"""releaser init: environments/, playbooks/ and a first run."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser init
  releaser init --name production --app shop --host web1 --host web2 \\
    --user deploy --run "./bin/shop --port {port}"
"""


@verb(epilog=EPILOG, short_help="write environments/ and playbooks/ for your application")
@click.option("--name", metavar="ENV", help="The environment's name (production).")
@click.option("--app", metavar="NAME", help="The application's name.")
@click.option("--artifact", metavar="PATH", help="dist/APP-{version}.tar.gz")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Repeatable; `local` is this machine.")
@click.option("--user", metavar="USER", help="Who logs in there.")
@click.option("--run", "start", metavar="COMMAND", help="How it starts, with {port}.")
@click.option("--health", metavar="PATH", help="What answers when it is well (/healthz).")
@click.option("--router", metavar="URL", help="haproxy://HOST/BACKEND, envoy://local:8080")
@click.option("--url", metavar="URL", help="How users reach it: http://HOST[:PORT]")
@click.option("--playbook", metavar="NAME", help="How a release reaches everyone (canary).")
def command(run: Run, **given: object) -> Reply:
    """Write environments/NAME.yaml and the shipped playbooks.

    At a terminal it asks for what is not given. What is there already is
    never overwritten.
    """
    from releaser.cli.beginning import begin

    return begin(run, given)
