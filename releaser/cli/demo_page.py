"""What does the demo's last page say? Only what was measured in this run. Pure: figures in, lines of at most 80 columns out."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from releaser.core.phrases import say_seconds

__all__ = ["Chapter", "Figures", "Page", "document", "page_lines"]

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the story: what was to happen, what did, and the figures of it."""

    title: str
    outcome: str
    """As the rollout ended."""
    good: bool
    """Whether it ended as it must."""
    why: str
    seconds: float
    """The whole chapter."""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """The load client's count for one version, beside the application's own log."""

    requests: int
    failed: int
    logged: int
    """Of the answered requests, those whose id and status stand in the application's log."""


@dataclass(frozen=True, slots=True)
class Page:
    """The whole demo. Latencies in seconds."""

    chapters: Sequence[Chapter]
    versions: Mapping[str, Figures]
    requests: int
    failed_by_us: int
    latency: Mapping[str, float | None]
    seconds: float
    router: str
    machine: str
    problems: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        return not self.problems and all(chapter.good for chapter in self.chapters) and not self.failed_by_us


def document(page: Page) -> dict[str, Any]:
    """The same for machines."""
    return {"good": page.good, **asdict(page)}


def page_lines(page: Page) -> list[str]:
    lines = ["", "WHAT HAPPENED".ljust(WIDTH, " "), "=" * WIDTH]
    for number, chapter in enumerate(page.chapters, 1):
        mark = "as it must" if chapter.good else "NOT AS IT MUST"
        lines.append(f"{number}. {chapter.title}: {chapter.outcome} ({mark}, {say_seconds(round(chapter.seconds, 1))})")
        lines += _wrapped("   ", chapter.why)
        for name, value in chapter.facts:
            lines += _wrapped(f"   {name:<15}", value)
        lines.append("")
    lines += ["USERS".ljust(WIDTH), "-" * WIDTH]
    lines.append(f"{'version':<10}{'requests':>10}{'failed':>9}{'rate':>9}   the application's log agrees on")
    for version, figures in sorted(page.versions.items()):
        rate = figures.failed / figures.requests if figures.requests else 0.0
        agrees = f"{figures.logged:,} of {figures.requests:,}"
        lines.append(f"{version:<10}{figures.requests:>10,}{figures.failed:>9,}{rate:>9.2%}   {agrees}")
    lines.append("")
    p50, p99 = page.latency.get("p50"), page.latency.get("p99")
    slow = f"; answered in {p50 * 1000:.1f} ms, 99 of 100 within {p99 * 1000:.1f} ms" if p50 and p99 else ""
    lines += _wrapped("", f"{page.requests:,} requests in all, none repeated{slow}.")
    lines += _wrapped("", f"Failed by us (no answer, connection reset, 502, 503, 504): {page.failed_by_us}.")
    lines += _wrapped("", f"Router: {page.router}. {page.machine}. The whole took {say_seconds(round(page.seconds))}.")
    for problem in page.problems:
        lines += _wrapped("PROBLEM: ", problem)
    return [line.rstrip() for line in lines]


def _wrapped(indent: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=True
    ) or [indent]
