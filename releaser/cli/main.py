"""How does one command begin and end? Parse, run one verb, print its answer, and leave with its exit code, on every path."""

import contextlib
import gc
import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

import releaser
from releaser.cli.group import LazyGroup
from releaser.cli.options import OUTPUTS, common
from releaser.cli.render import Screen
from releaser.cli.run import Options, Reply, Run
from releaser.errors import ReleaserError, UsageError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["cli", "main", "run", "wanted_output"]

SELDOM = (10_000, 10, 10)
"""New objects between two searches for cycles: what a command imports would be searched eighty times, for 20 ms of its start."""


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    help="Bring a version to your users step by step, judged on evidence, and taken back within a rehearsed time.",
)
@click.version_option(releaser.__version__, message="releaser %(version)s")
@common
def cli() -> None:
    """The verbs come from the table in verbs.py."""


def main() -> None:
    """The entry point."""
    # Plugins of pydantic that others installed here have no part in this, and looking for them costs 30 ms of each command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(*SELDOM)
    sys.exit(run(sys.argv[1:], environ=os.environ, stdin=sys.stdin, out=sys.stdout, err=sys.stderr))


def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: TextIO,
    out: TextIO,
    err: TextIO,
    opener: Callable[..., "Session"] | None = None,
) -> int:
    """The exit code of one command line. Nothing is raised, whatever was typed."""
    color = False if environ.get("NO_COLOR") else None
    screen = Screen(out, err, color=color, overflow=lambda: _overflow(environ))
    this = Run(screen, stdin, environ, opener or open_session, Options(output=wanted_output(argv)))
    stray = io.StringIO()
    with contextlib.redirect_stdout(stray) if this.machine else contextlib.nullcontext():
        try:
            reply = _reply(argv, this)
        finally:
            this.close()
    if reply is None and not this.machine:
        return 0
    from releaser.cli.finish import finish

    return finish(reply, this, stray.getvalue())


def wanted_output(argv: Sequence[str]) -> Any:
    """What -o says, read before anything else: a command line that is wrong is answered in that form too."""
    found = "table"
    for word, following in zip(argv, (*argv, "")[1:], strict=True):
        if word == "--":
            break
        if word in ("-o", "--output"):
            found = following
        elif word.startswith("--output="):
            found = word.partition("=")[2]
        elif word.startswith("-o") and not word.startswith("--"):
            found = word[2:].removeprefix("=")
    return found if found in OUTPUTS else "table"


def open_session(name: str | None, folder: Path, *, environ: Mapping[str, str], settings: Sequence[str]) -> "Session":
    from releaser.engine.session import Session

    return Session.open(name, folder, environ=environ, settings=settings)


def _reply(argv: Sequence[str], this: Run) -> Reply | None:
    """What the verb answered; None where click has printed what was asked for (help, version)."""
    try:
        answered = cli.main(list(argv), prog_name="releaser", standalone_mode=False, obj=this)
    except click.exceptions.NoArgsIsHelpError as error:
        reply = _usage(UsageError("a verb is missing", fix=("releaser --help",), code="usage"), this)
        return Reply(reply.answer, text=error.format_message())
    except click.ClickException as error:
        return _usage(_usage_error(error), this)
    except (click.Abort, KeyboardInterrupt):
        from releaser.cli.answer import interrupted

        return Reply(interrupted(this.opened))
    except ReleaserError as error:
        return _usage(error, this)
    except Exception as error:  # noqa: BLE001 - the top of the command line: a defect is reported as one, with its exit code
        return _crash(error, this)
    return answered if isinstance(answered, Reply) else None


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "releaser"
    said = error.format_message().rstrip(".")
    if said == "Missing command":
        said = "a verb is missing"
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        said = f"{path} has no option {error.option_name[:60]}{near}"
    return UsageError(said, fix=(f"{path} --help",), code="usage")


def _usage(error: ReleaserError, this: Run) -> Reply:
    from releaser.cli.answer import of_error

    return Reply(of_error(error, this.opened))


def _crash(error: Exception, this: Run) -> Reply:
    """A defect of ours: one sentence, and the traceback only for those who ask."""
    if this.options.verbose > 1:
        this.screen.err_stream.write("".join(traceback.format_exception(error)))
    said = f"{type(error).__name__}: {str(error)[:300]}"
    fix = ("run it again with -v -v and send the traceback to the maintainers",)
    return _usage(ReleaserError(f"this is a defect of releaser ({said})", fix=fix, code="defect"), this)


def _overflow(environ: Mapping[str, str]) -> Path:
    from releaser.engine.places import state_folder

    return state_folder(environ) / "unread-output.log"


if __name__ == "__main__":
    main()
