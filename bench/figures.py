"""What is a measured figure, when is its target met, and how does it stand in the table?"""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = ("figure", "measured", "target", "floor", "ratio", "verdict", "how")


@dataclass(frozen=True)
class Figure:
    """`value`, `target` (an upper limit) and `floor` are in `unit`; None: not measured, no target, no floor."""

    name: str
    value: float | None
    unit: str = "ms"
    target: float | None = None
    floor: float | None = None
    how: str = ""
    """How many samples, real or simulated, and what the floor is."""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "NOT MEASURED"
        if self.target is None:
            return ""
        return "met" if self.value <= self.target else "MISSED"

    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.value / self.floor:.1f}" if self.value is not None and self.floor else ""
        values = [self._text(value) for value in (self.value, self.target, self.floor)]
        if values[1]:
            values[1] = f"<= {values[1]}"
        return (self.name, *values, ratio, self.verdict, self.how)

    def _text(self, value: float | None) -> str:
        if value is None:
            return ""
        digits = f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
        return f"{digits} {self.unit}".rstrip()


def markdown(figures: Sequence[Figure]) -> str:
    rows = [HEAD, tuple("-" * 3 for _ in HEAD), *(figure.cells() for figure in figures)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def missed(figures: Sequence[Figure]) -> list[Figure]:
    return [figure for figure in figures if figure.verdict in {"MISSED", "NOT MEASURED"}]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of them do not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def machine() -> str:
    """One line: CPU, cores, kernel, Python, how busy it is."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    load = os.getloadavg()[0]
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load average at the start {load:.1f}"
    )
