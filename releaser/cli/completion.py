"""releaser completion: the script that completes commands in a shell."""

import click

from releaser.cli.options import verb
from releaser.cli.run import Reply, Run

EPILOG = """\b
Examples:
  releaser completion bash >> ~/.bash_completion
  releaser completion zsh > ~/.zfunc/_releaser
  releaser completion fish > ~/.config/fish/completions/releaser.fish
"""


@verb(epilog=EPILOG, short_help="the script that completes commands in your shell")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(run: Run, shell: str) -> Reply:
    """Print the script that completes commands in your SHELL."""
    from click.shell_completion import get_completion_class

    from releaser.cli.answer import done
    from releaser.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    return Reply(done("", f"the completion of {shell}"), text=kind(cli, {}, "releaser", "_RELEASER_COMPLETE").source())
