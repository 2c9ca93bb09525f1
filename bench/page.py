"""The page of all figures: one section for each part of the bench, as it was last measured, and what was not reached."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bench.figures import Figure, markdown

__all__ = ["page", "section", "sections"]

INTRO = """\
# Figures

Each part as it was last measured by `make bench`, with the machine and how busy it was. A target is an upper limit; the ratio is to
the floor, which is the least that the same work could cost. "Real" figures are of real processes, routers and requests, "simulated"
ones of the judge alone.
"""
OPEN = ("MISSED", "NOT MEASURED")
Sections = Mapping[str, str]
"""Part -> what stands below its heading."""


def section(where: str, figures: Sequence[Figure], *, quick: bool) -> str:
    day = datetime.now(UTC).date().isoformat()
    return f"{day}{', few samples' if quick else ''}, {where}.\n\n{markdown(figures)}"


def sections(text: str) -> dict[str, str]:
    """Those of a page."""
    found = re.split(r"^## (.+)\n\n", text, flags=re.MULTILINE)[1:]
    parts = {name: body.strip("\n") + "\n" for name, body in zip(found[::2], found[1::2], strict=True)}
    return {name: body for name, body in parts.items() if name != "What was not reached"}


def page(found: Sections, order: Iterable[str]) -> str:
    """`order`: the parts as they run; what is no part any more is left out."""
    kept = [name for name in order if name in found]
    rows = [row.strip("|\n ").split(" | ") for name in kept for row in found[name].splitlines() if row.startswith("| ")]
    missed = [f"- {row[0]}: {row[1].strip() or 'nothing'}, target {row[2]}" for row in rows if row[5].strip() in OPEN]
    targets = sum(row[2].startswith("<=") for row in rows)
    reached = [f"{len(missed)} of {targets} targets missed or not measured{':' if missed else '.'}", *missed]
    told = ["## What was not reached\n", *reached, *(f"\n## {name}\n\n{found[name].rstrip()}" for name in kept)]
    return INTRO + "\n" + "\n".join(told) + "\n"
