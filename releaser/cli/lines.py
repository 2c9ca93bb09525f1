"""What is a line on the screen, before anybody prints it? Text with styles by meaning, free of anything that moves a cursor."""

import re
import textwrap
from collections.abc import Iterable
from typing import Literal

__all__ = ["KEYS", "Line", "Span", "Style", "aligned", "line", "plain", "row", "text_of", "width_of", "wrapped"]

Style = Literal["", "good", "bad", "warn", "strong"]
"""By meaning. Each styled text also says in words what its style says: colour is never the only carrier."""
Span = tuple[str, Style]
Line = tuple[Span, ...]
TOGETHER = "\x00"
UNIT = re.compile(r"(?<=[0-9]) (?=(?:%|ms|s|min|h)(?![A-Za-z]))")
KEYS = 12
"""Columns of the words that lines begin with."""
GAP = 2
"""Spaces between two columns."""


def plain(text: object) -> str:
    """`text` on one line, with everything that is not printable written out: ESC becomes its code."""
    return "".join(c if c.isprintable() else _written_out(c) for c in str(text))


def _written_out(character: str) -> str:
    if character in "\n\r\t":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def line(*parts: str | Span) -> Line:
    """A line of texts and (text, style) pairs; hostile characters in them are neutralised here."""
    spans: list[Span] = []
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        spans.append((plain(text), style))  # type: ignore[arg-type]  # "" is a Style
    return tuple(spans)


def row(key: str, *parts: str | Span) -> Line:
    """A line that begins with what it is about, in a column of its own."""
    return line(key.ljust(KEYS), *parts)


def text_of(parts: Line) -> str:
    return "".join(text for text, _ in parts)


def width_of(parts: Line) -> int:
    return sum(len(text) for text, _ in parts)


def wrapped(parts: Line, width: int, indent: int = 0) -> list[Line]:
    """Lines of at most `width` columns, broken at spaces; those after the first begin `indent` columns further right.

    A command (strong text) stays in one piece so that it can be copied, and so does a number with its unit.
    """
    text = text_of(parts)
    if len(text) <= width:
        return [parts]
    styles = [style for piece, style in parts for _ in piece]
    broken = textwrap.wrap(
        _kept_together(parts, width - indent), width, subsequent_indent=" " * indent, break_on_hyphens=False,
        replace_whitespace=False,
    )  # fmt: skip
    lines: list[Line] = []
    at = 0
    for number, piece in enumerate(broken):
        body = (piece[indent:] if number else piece).replace(TOGETHER, " ")
        start = text.index(body, at)
        at = start + len(body)
        lead: list[Span] = [(" " * indent, "")] if number and indent else []
        lines.append((*lead, *_spans(body, styles[start:at])))
    return lines


def _kept_together(parts: Line, width: int) -> str:
    """The text with every space that must not be broken at replaced by a mark that no line can hold."""
    whole = "".join(
        text.replace(" ", TOGETHER) if style == "strong" and len(text) <= width else text for text, style in parts
    )
    return UNIT.sub(TOGETHER, whole)


def _spans(text: str, styles: list[Style]) -> Iterable[Span]:
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or styles[at] != styles[start]:
            yield text[start:at], styles[start]
            start = at


def aligned(rows: Iterable[tuple[Line, ...]]) -> list[Line]:
    """Rows of cells as lines, each column as wide as its widest cell; the last one is left as it is."""
    table = list(rows)
    columns = max((len(row) for row in table), default=0)
    widths = [max((width_of(row[i]) for row in table if i < len(row) - 1), default=0) for i in range(columns)]
    lines: list[Line] = []
    for row in table:
        spans: list[Span] = []
        for i, cell in enumerate(row):
            pad = widths[i] + GAP - width_of(cell) if i < len(row) - 1 else 0
            spans += [*cell, (" " * pad, "")]
        lines.append(tuple(span for span in spans if span[0]))
    return lines
