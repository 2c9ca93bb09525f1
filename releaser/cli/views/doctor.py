"""How do the findings of a fleet stay readable? A line for what is alike on many hosts, and one for each that differs."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from releaser.cli.lines import KEYS, Line, Style, line
from releaser.engine.doctor.examine import Examination
from releaser.engine.doctor.finding import Finding, Level

__all__ = ["finding_lines"]

NAMED = 5
"""So many hosts are named in one line."""
STYLES: dict[Level, Style] = {"FAIL": "bad", "UNKNOWN": "bad", "WARN": "warn", "OK": "good"}
WORST_FIRST: tuple[Level, ...] = ("FAIL", "UNKNOWN", "WARN", "OK")
WIDTH = max(map(len, WORST_FIRST)) + 1


def finding_lines(found: Examination, summary: str, *, each: bool = False) -> Iterator[Line]:
    """What was found in all, then question by question. `each`: a line for every host."""
    worst: Level = next((level for level in WORST_FIRST if any(one.level == level for one in found.findings)), "OK")
    hosts = f"{found.hosts} host{'' if found.hosts == 1 else 's'}"
    yield line(
        (found.environment.ljust(KEYS - 2) + "  ", "strong"),
        (summary, STYLES[worst]),
        f"  ({hosts} asked in {found.seconds:.1f} s)",
    )
    for check, findings in groupby(found.findings, key=lambda one: one.check):
        key = check
        for one, text in _grouped(list(findings), each=each):
            yield line(key.ljust(KEYS), (one.level.ljust(WIDTH), STYLES[one.level]), text)
            key = ""
            yield from (line(" " * (KEYS + WIDTH), "try: ", (fix, "strong")) for fix in one.fix)


def _grouped(findings: Sequence[Finding], *, each: bool) -> Iterator[tuple[Finding, str]]:
    """(an example, the text) of each line, the worst first; hosts with the same words share one."""
    for level in WORST_FIRST:
        of_level = [one for one in findings if one.level == level]
        if level == "OK" and not each and len({one.found for one in of_level}) > 1:
            yield of_level[0], f"{len(of_level)} hosts"
            continue
        alike: dict[tuple[object, ...], list[Finding]] = {}
        for one in of_level:
            alike.setdefault((one.where if each else "", one.found, one.fix), []).append(one)
        for group in alike.values():
            where = _names([one.where for one in group])
            yield group[0], f"{where}: {group[0].found}" if where else group[0].found


def _names(hosts: Iterable[str]) -> str:
    named = [host for host in hosts if host]
    if len(named) <= NAMED:
        return ", ".join(named)
    return f"{', '.join(named[:NAMED])} and {len(named) - NAMED} more"
