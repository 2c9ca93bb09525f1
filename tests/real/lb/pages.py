"""The files of docs/how-to/use-*.md, as they stand there."""

import re
from pathlib import Path
from textwrap import dedent

__all__ = ["block"]

PAGES = Path(__file__).parents[3] / "docs/how-to"
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def block(page: str, start: str) -> str:
    """The page's one code block that begins with `start`, flush left."""
    blocks = [dedent(found) for found in BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))]
    (chosen,) = [text for text in blocks if text.startswith(start)]
    return chosen
