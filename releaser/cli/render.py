"""How does anything reach the terminal, the pipe or the file? The only place that prints.

Data goes to stdout, progress to stderr. A reader that went away (a closed pipe, a terminal that hung up) never stops a
release: the rest goes to a log file.
"""

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from releaser.cli.lines import KEYS, Line, line, plain, text_of, wrapped

__all__ = ["ANSI", "STYLES", "Screen", "clock_time", "day_time", "error_lines", "json_text"]

ANSI = {"": "", "good": "32", "bad": "1;31", "warn": "1;35", "strong": "1"}
"""Readable on light and on dark: no dim, no yellow, no grey."""
STYLES = {"": "", "good": "green", "bad": "bold red", "warn": "bold magenta", "strong": "bold"}
"""The same for rich."""
LEFT = (errno.EPIPE, errno.EIO)
"""The reader has read enough, or the terminal hung up: there is nobody to be told."""
NARROWEST, WIDEST = 40, 120


class Screen:
    """Two streams. `overflow` names the file for what they do not take any more; it is asked for only then."""

    def __init__(self, out: TextIO, err: TextIO, *, color: bool | None = None, overflow: Callable[[], Path]) -> None:
        self.out_stream = out
        self.err_stream = err
        self.color = color
        self.overflow = overflow
        self.gone: set[int] = set()
        self.lock = threading.Lock()
        for stream in (out, err):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    def width(self) -> int:
        return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((80, 24)).columns))

    def data(self, lines: Iterable[Line]) -> None:
        self._lines(self.out_stream, lines, KEYS)

    def note(self, *lines: Line, indent: int = KEYS) -> None:
        """Progress, questions and errors."""
        self._lines(self.err_stream, lines, indent)

    def question(self, text: str) -> None:
        """The answer is typed on the same line."""
        self._write(self.err_stream, plain(text))

    def text(self, text: str) -> None:
        """Data as it is: a document, a script. The caller vouches for what is in it."""
        self._write(self.out_stream, text if text.endswith("\n") else text + "\n")

    def is_terminal(self, stream: TextIO) -> bool:
        try:
            return stream.isatty()
        except ValueError:
            return False

    def _lines(self, stream: TextIO, lines: Iterable[Line], indent: int) -> None:
        terminal = self.is_terminal(stream)
        colored = terminal if self.color is None else self.color
        whole = [piece for one in lines for piece in (wrapped(one, self.width(), indent) if terminal else [one])]
        self._write(stream, "".join(_painted(one, colored=colored) + "\n" for one in whole))

    def _write(self, stream: TextIO, text: str) -> None:
        lost: Exception | None = None
        with self.lock:
            if id(stream) not in self.gone:
                try:
                    _patient(stream)
                    stream.write(text)
                    stream.flush()
                except (OSError, ValueError) as error:
                    lost = error
                    self.gone.add(id(stream))
                    _detach(stream)
                else:
                    return
        path = self.keep(text)
        if lost and stream is self.out_stream and getattr(lost, "errno", None) not in LEFT:
            where = f"the rest of the output is in {path}" if path else "the rest of the output is lost"
            self.note(line(f"stdout takes nothing more ({lost}); {where}"))

    def keep(self, text: str) -> Path | None:
        """Put it into the log file, and say which one that is; None: nothing can be written, and a release goes on untold."""
        path = self.overflow()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            return None
        return path


def _patient(stream: TextIO) -> None:
    """A pipe that another process has set to non-blocking (some CI runners do) would lose what it cannot take at once."""
    blocks, set_blocking = getattr(os, "get_blocking", None), getattr(os, "set_blocking", None)
    if blocks is None or set_blocking is None:  # Windows, up to Python 3.11
        return
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # a stream of this process: nobody else sets it to anything
        return
    if not blocks(descriptor):
        set_blocking(descriptor, True)


def _detach(stream: TextIO) -> None:
    """Point the stream at nothing, so that its last flush at exit does not fail again."""
    try:
        descriptor = stream.fileno()
        nothing = os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _painted(parts: Line, *, colored: bool) -> str:
    if not colored:
        return text_of(parts).rstrip()
    return "".join(f"\x1b[{ANSI[style]}m{text}\x1b[0m" if style else text for text, style in parts).rstrip()


def json_text(document: Mapping[str, Any] | list[Any], *, compact: bool = False) -> str:
    """ASCII only: no terminal and no log viewer is moved by it."""
    if compact:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True, default=str)
    return json.dumps(document, indent=2, ensure_ascii=True, default=str)


def clock_time(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%H:%M:%S")


def day_time(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%Y-%m-%d %H:%M")


def error_lines(message: str, fix: Iterable[str]) -> list[Line]:
    return [line(("error: ", "bad"), message), *(line("  try: ", (one, "strong")) for one in fix)]
