"""How many users does a bad version harm, and how long does a good one take, by the shipped canary?

Real releases: `releaser promote` as a process of its own, a local Envoy, 200 req/s without retries, base error rate 0.2 %; only `bake` is cut,
from 10 min to 10 s, so the time to 100 % is the steps' alone. Simulated ones: the judge by itself on the counters of a simulated
router, read every second as in production, for the distribution that a few real releases cannot show.
"""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.figures import Figure, quantile
from bench.place import BASE_RATE, Place, place
from bench.simulated import canary, many
from bench.traffic import Seen, traffic
from releaser.cli.demo_stage import processes_below
from releaser.core import events as e
from releaser.core.events import Entry
from releaser.testing.app import logged

RATE = 200.0
PATIENCE = 400.0
SEED = 7


@dataclass(frozen=True)
class Case:
    """A kind of candidate: the application's fault, how many real releases, and the targets."""

    name: str
    fault: str
    runs: int
    seconds: float | None = None
    harmed: float | None = None


CASES = (
    Case("outage", "outage", 7, 3.0, 5.0),
    Case("dead port", "dies", 7, 3.0, 5.0),
    Case("hang", "hang", 7, 3.0, 5.0),
    Case("five times the errors", f"errors:{5 * BASE_RATE}", 3, None, 12.0),
)


@dataclass(frozen=True)
class Release:
    """What one real release did."""

    outcome: str
    seconds: float
    """From the first shift's read-back to the decision to go back, or to 100 %."""
    harmed: float
    failed_by_us: int
    unlogged: int
    entries: list[Entry]
    seen: Seen
    memory: dict[str, float]
    """Peak resident MiB of promote, guard and supervisors."""


def measure(*, quick: bool) -> list[Figure]:
    figures = _simulated(9 if quick else 400)
    with place() as here:
        figures += _good(_told("good version", _release(here, "1.1.0", "none", quiet=20.0)))
        for case in CASES:
            names = [
                f"{index + 2}.{number}.0"
                for index, one in enumerate(CASES)
                if one is case
                for number in range(case.runs)
            ]
            done = [_told(case.name, _release(here, name, case.fault)) for name in names[: 1 if quick else None]]
            figures += _bad(case, done)
    return figures


def _told(name: str, release: Release) -> Release:
    """A line for whoever waits: all of them take minutes, and the table comes at the end."""
    print(
        f"{name}: {release.outcome} after {release.seconds:.1f} s, {release.harmed:.0f} harmed",
        file=sys.stderr,
        flush=True,
    )
    return release


def _release(here: Place, version: str, fault: str, *, quiet: float = 3.0) -> Release:
    """`quiet`: seconds of load before the release begins."""
    here.build(version, fault)
    memory: dict[str, float] = {}
    with traffic(here.url, RATE, version, here.root / f"load-{version}.json") as seen:
        time.sleep(quiet)
        process = here.promote(version)
        until = time.monotonic() + PATIENCE
        while process.poll() is None:
            _remember(memory, here.root, process.pid)
            if time.monotonic() > until:
                process.terminate()
                process.wait(timeout=60)
            time.sleep(0.25)
    return _read(here, version, seen, memory)


def _read(here: Place, version: str, seen: Seen, memory: dict[str, float]) -> Release:
    entries = here.entries(version)
    turned = [entry.moment.wall for entry in entries if isinstance(entry.event, e.TurnedBack)]
    outcome = next(entry.event.outcome.value for entry in entries if isinstance(entry.event, e.Finished))
    asked = logged(here.log(version)) if here.log(version).exists() else {}
    failed = [sent for sent in seen.sent if sent.failed and sent.id not in asked]
    if asked:
        harmed = sum(status != "200" for status in asked.values()) - BASE_RATE * len(asked)
        by_us = sum(sent.failed_by_us for sent in failed)
    else:  # nobody but the router answers for a dead port, so no log knows these requests: they are the candidate's own
        harmed, by_us = sum(not sent.version for sent in failed), 0
    seconds = (turned[0] if turned else _full(entries)) - _wall(entries, e.Shifted)
    return Release(outcome, seconds, harmed, by_us, len(here.unlogged(seen.sent)), entries, seen, memory)


def _good(good: Release) -> list[Figure]:
    first, last = good.entries[0].moment.wall, good.entries[-1].moment.wall
    before = [sent.latency * 1000 for sent in good.seen.between(good.seen.began + 1, first)]
    during = [sent.latency * 1000 for sent in good.seen.between(first, last)]
    how = f"real, one release, {RATE:.0f} req/s"
    latency = f"real, n={len(during)}; floor: without a release, n={len(before)}"
    return [
        Figure("good version: outcome is promoted", float(good.outcome != "promoted"), "wrong", 0, None, how),
        Figure("good version: first shift -> 100 %", good.seconds, "s", 100.0, None, how),
        Figure("good version: promote begins -> 100 %", _full(good.entries) - first, "s", 100.0, None, how),
        Figure(
            "good version: requests failed by us", good.failed_by_us, "", 0, None, f"{how}, of {len(good.seen.sent)}"
        ),
        Figure("good version: answers unknown to the application's log", good.unlogged, "", 0, None, how),
        Figure("latency through the router, p50", quantile(during, 0.5), "ms", None, quantile(before, 0.5), latency),
        Figure("latency through the router, p99", quantile(during, 0.99), "ms", None, quantile(before, 0.99), latency),
        *(
            Figure(f"memory of {name}, peak", peak, "MiB", None, None, "real, VmHWM, every quarter of a second")
            for name, peak in sorted(good.memory.items())
        ),
    ]


def _wall(entries: list[Entry], kind: type) -> float:
    return next(entry.moment.wall for entry in entries if isinstance(entry.event, kind))


def _full(entries: list[Entry]) -> float:
    """When the candidate had all the traffic; the end of the journal where it never had."""
    candidate = next(entry.event.plan.to.id for entry in entries if isinstance(entry.event, e.Opened))
    shifts = [entry for entry in entries if isinstance(entry.event, e.Shifted)]
    at_100 = [entry.moment.wall for entry in shifts if entry.event.split.weight(candidate) == 100]  # type: ignore[union-attr]  # filtered above
    return at_100[0] if at_100 else entries[-1].moment.wall


def _bad(case: Case, done: list[Release]) -> list[Figure]:
    wrong = sum(release.outcome != "rolled_back" for release in done)
    figures = [Figure(f"{case.name}: not rolled back", wrong, "", 0, None, f"real, of {len(done)}")]
    # Users come by chance, two a second at 1 %, so a longest wait has no limit: the targets are of the median, as the simulated ones.
    for which, of in (("median", median), ("worst", max)):
        how = f"real, {which} of {len(done)}"
        seconds, harmed = of([one.seconds for one in done]), of([one.harmed for one in done])
        targets = (case.seconds, case.harmed) if which == "median" else (None, None)
        figures += [
            Figure(f"{case.name}: first shift -> decision, {which}", seconds, "s", targets[0], None, how),
            Figure(f"{case.name}: harmed, {which}", harmed, "", targets[1], None, how),
        ]
    if case.fault != "dies":
        total = sum(release.failed_by_us for release in done)
        figures.append(Figure(f"{case.name}: requests failed by us", total, "", 0, None, f"real, {len(done)} releases"))
    return figures


def _simulated(number: int) -> list[Figure]:
    """The shipped canary's steps: only the second has a dwell."""
    plan = canary(dwell=0.0)
    plan = replace(plan, steps=tuple(replace(step, at_least=15.0 if step.weight == 5 else 0.0) for step in plan.steps))
    figures = []
    for name, rate, seconds, harmed in (
        ("good version", BASE_RATE, 100.0, None),
        ("outage", 1.0, 3.0, 5.0),
        ("five times the errors", 5 * BASE_RATE, None, 12.0),
    ):
        done = many(number, SEED, plan, RATE, BASE_RATE, rate)
        print(f"{name}: {number} releases simulated", file=sys.stderr, flush=True)
        how = f"simulated judge, {number} releases, seed {SEED}"
        took, hurt = [run.seconds for run in done], [run.harmed for run in done]
        wrong = sum(run.end != ("promoted" if rate == BASE_RATE else "rolled back") for run in done) / number
        figures += [
            Figure(f"{name}: seconds, median", median(took), "s", seconds, None, how),
            Figure(f"{name}: seconds, 95 %", quantile(took, 0.95), "s", None, None, how),
            Figure(f"{name}: judged wrongly or not at all", wrong * 100, "%", None, None, how),
        ]
        if rate != BASE_RATE:
            figures.append(Figure(f"{name}: harmed, median", median(hurt), "", harmed, None, how))
            figures.append(Figure(f"{name}: harmed, 95 %", quantile(hurt, 0.95), "", None, None, how))
    return figures


def _remember(memory: dict[str, float], root: Path, promote: int) -> None:
    """Peak MiB of what runs now: promote, and the guard and the supervisors below `root`."""
    named = {promote: "promote"}
    for pid, agent in processes_below(root):
        with suppress(OSError):
            verb = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").rpartition(b"\0")[2].decode()
            if agent and verb in {"guard", "supervise"}:
                named[pid] = verb
    for pid, name in named.items():
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            peaks = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
            memory[name] = max([memory.get(name, 0.0), *peaks])
