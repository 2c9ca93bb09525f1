"""What do the tables say that the parts with a command line of their own print? Their lines, as figures."""

import re
from collections.abc import Iterator

from bench.figures import Figure

NUMBER = r"([+-]?[\d.]+)"


def cli(text: str) -> Iterator[Figure]:
    line = rf"^(releaser \S+) +(\d+) +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER}$"
    for name, events, spent, floor, _, limit in re.findall(line, text, re.MULTILINE):
        what = f"{name}, {int(events):,} events in the journal, CPU" if name != "releaser --help" else f"{name}, CPU"
        yield Figure(what, float(spent), "ms", float(limit), float(floor), "real, median; floor: python -c pass")


def journal(text: str) -> Iterator[Figure]:
    line = rf"^(\d+) event\(s\) a commit +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER} +{NUMBER}$"
    for batch, floor, _, _, _, each in re.findall(line, text, re.MULTILINE):
        bare = float(floor) / int(batch)
        how = "real, durable, median; floor: a bare insert and commit on this disk"
        yield Figure(f"journal event, {batch} in a commit", float(each), "ms", 1.0, bare, how)
    for name in ("status: open_rollouts()", "history: rollouts(limit=100)", "open the file, status and history"):
        found = re.search(rf"^{re.escape(name)} +{NUMBER}$", text, re.MULTILINE)
        size = re.search(r"^a journal of (\S+) events", text, re.MULTILINE)
        how = f"real, a journal of {size.group(1)} events" if size else ""
        yield Figure(f"journal, {name}", float(found.group(1)) if found else None, "ms", 500.0, None, how)
    yield from _waits(text)


def _waits(text: str) -> Iterator[Figure]:
    for name in ("longest", "99 %"):
        found = re.search(rf"^a page of verify\(\): a writer waits, {name} +{NUMBER}", text, re.MULTILINE)
        how = "real, CPU of one SELECT of 1,000 rows, for until it ends no commit can"
        yield Figure(
            f"journal, a reader keeps a writer out, {name}",
            float(found.group(1)) if found else None,
            "ms",
            20.0,
            None,
            how,
        )


ROWS: tuple[tuple[str, str, str, float, float | None], ...] = (
    # (what its target says, where the result is, unit, limit, what it means that the result is not there)
    (r"rolled back <= 1 %", rf"{NUMBER}% rolled back", "% rolled back", 1.0, 0.0),
    (r"<= 1.5 x the oracle's harm", rf"= {NUMBER}", "x", 1.5, None),
    (r"missed <= 5 %", rf"^{NUMBER}% missed", "% missed", 5.0, None),
    (r"<= 15 harmed", rf"^{NUMBER}$", "harmed", 15.0, None),
    (r"<= 20 harmed", rf"^{NUMBER}$", "harmed", 20.0, None),
    (r"<= 3 harmed", rf"^{NUMBER}$", "harmed", 3.0, None),
    (r"<= 75 s", rf"seconds {NUMBER}", "s", 75.0, None),
    (r"<= 480 s", rf"seconds {NUMBER}", "s", 480.0, None),
    (r"passes <= 5 %", rf"^{NUMBER}%", "%", 5.0, None),
    (r"0 to \+35 %", rf"to {NUMBER}%", "% too much", 35.0, None),
    (r"0 to \+35 %", r"^-([\d.]+)%", "% too little", 0.0, 0.0),
    (r"<= 20 us", rf"both tests {NUMBER}", "us", 20.0, None),
)


def analysis(text: str) -> Iterator[Figure]:
    """Rows are NUMBER | TARGET | RESULT."""
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        for target, result, unit, limit, absent in ROWS:
            if len(parts) == 3 and re.search(target, parts[1]):
                found = re.search(result, parts[2])
                value = float(found.group(1)) if found else absent
                yield Figure(f"analysis {parts[0]}: {parts[1]}", value, unit, limit, None, f"simulated: {parts[2]}")
