"""What is a verb handed? The options that all verbs share, the screen, and a way to open an environment."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from releaser.cli.lines import Line, line
from releaser.cli.render import Screen
from releaser.errors import UsageError

if TYPE_CHECKING:
    from releaser.cli.answer import Answer
    from releaser.engine.session import Session

__all__ = ["Opener", "Options", "Output", "Reply", "Run"]

Output = Literal["table", "json", "jsonl", "yaml"]
Opener = Callable[..., "Session"]
"""As Session.open."""


@dataclass(slots=True)
class Options:
    """What stands before or after every verb."""

    environment: str | None = None
    output: Output = "table"
    yes: bool = False
    reason: str = ""
    timeout: float | None = None
    """Seconds that this command is patient; None: as long as it takes."""
    color: bool | None = None
    """None: where the stream is a terminal."""
    verbose: int = 0
    settings: tuple[str, ...] = ()
    """--set key=value, in order."""
    folder: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a verb gives back: the answer for machines, and beside it data for machines and lines for people."""

    answer: "Answer"
    data: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the one document; with -o jsonl a list becomes a line an item."""
    lines: tuple[Line, ...] = ()
    """To stdout. Empty: the answer's own sentence."""
    text: str | None = None
    """A document or script that is itself what was asked for, to stdout as it is."""


@dataclass(slots=True)
class Run:
    """One run of the program."""

    screen: Screen
    stdin: TextIO
    environ: Mapping[str, str]
    opener: Opener
    options: Options = field(default_factory=Options)
    now: Callable[[], float] = time.time
    """Wall clock, for people."""
    pause: Callable[[float], None] = time.sleep
    """Where a command waits for another process."""
    opened: str = ""
    """The environment that this run is about, once it is known."""
    sessions: list["Session"] = field(default_factory=list)
    """To be given back when the verb is done."""

    @property
    def machine(self) -> bool:
        return self.options.output != "table"

    @property
    def asks(self) -> bool:
        """Whether there is a person who can be asked."""
        terminals = (self.stdin, self.screen.err_stream)
        return not self.machine and all(self.screen.is_terminal(stream) for stream in terminals)

    def open(self, name: str | None) -> "Session":
        """The environment of this name, without a word about it."""
        session = self.opener(name, self.options.folder, environ=self.environ, settings=self.options.settings)
        self.sessions.append(session)
        return session

    def close(self) -> None:
        """Give back what the opened environments hold."""
        while self.sessions:
            self.sessions.pop().close()

    def session(self, name: str | None = None) -> "Session":
        """The environment of -e, RELEASER_ENV or the only one there; says which where it was not named."""
        wanted = name or self.options.environment
        session = self.open(wanted)
        self.opened = session.name
        if wanted is None:
            self.note(line("environment ", (session.name, "strong")))
        return session

    def note(self, *lines: Line) -> None:
        """Progress for people; machines get data only."""
        if self.options.output == "table":
            self.screen.note(*lines)

    def confirm(self, question: str, *, without: str) -> bool:
        """Yes with -y; asked at a terminal; elsewhere an error that names what would answer it."""
        if self.options.yes:
            return True
        if not self.asks:
            raise UsageError(f"{without} needs a yes and there is no terminal to ask at; add -y", code="no-terminal")
        self.screen.question(f"{question} [y/N] ")
        return self.stdin.readline().strip().lower() in ("y", "yes")

    def ask(self, question: str, default: str) -> str:
        """A value at a terminal; the default elsewhere."""
        if not self.asks:
            return default
        self.screen.question(f"{question} [{default}] " if default else f"{question} ")
        return self.stdin.readline().strip() or default
