"""Every figure that the project promises, on this machine, with its target, its floor and its verdict.

    python bench/run.py [--only PART] [--quick] [--write]

Users' requests come from a load without retries in a process of its own; each answer's id is matched against the application's log.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import agent_calls, apart, heard, local_release, outcomes, printed, shifts, ssh_fleet
from bench.figures import Figure, machine, markdown, missed
from bench.page import page, section, sections

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "figures.md"
EVENTS, FEW_EVENTS = "1000000", "30000"

Part = Callable[[bool], Sequence[Figure]]


def script(
    name: str, read: Callable[[str], Iterable[Figure]], few: list[str], many: list[str], quick: bool
) -> list[Figure]:
    """A part with a command line and a table of its own: shown as it is, and read."""
    with tempfile.TemporaryDirectory() as cache:
        # As an installed package, whose modules are compiled: where caches are turned off, every command would compile us.
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *(few if quick else many)],
            cwd=ROOT,
            env={**environ, "PYTHONPYCACHEPREFIX": cache},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    print(done.stdout, flush=True)
    return list(read(done.stdout))


PARTS: Mapping[str, Part] = {
    "agent": lambda quick: agent_calls.measure(quick=quick),
    "release": lambda quick: local_release.measure(quick=quick),
    "shifts": lambda quick: shifts.measure(quick=quick),
    "heard": lambda quick: heard.measure(quick=quick),
    "outcomes": lambda quick: outcomes.measure(quick=quick),
    "ssh": lambda quick: ssh_fleet.measure(quick=quick),
    "rollback": partial(apart.measured, "fleet_rollback"),
    "drills": partial(apart.measured, "drills"),
    "commits": partial(apart.measured, "commits"),
    "cli": partial(script, "cli", printed.cli, [FEW_EVENTS], [EVENTS]),
    "journal": partial(script, "journal", printed.journal, [FEW_EVENTS], [EVENTS]),
    "analysis": partial(script, "analysis", printed.analysis, ["--releases", "60"], ["--releases", "400"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given again")
    parser.add_argument("--quick", action="store_true", help="few samples: whether it works, not what it is")
    parser.add_argument("--write", action="store_true", help=f"each part into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started us in the background
    where = machine()
    print(f"{where}\n", flush=True)
    figures: list[Figure] = []
    known = sections(PAGE.read_text(encoding="utf-8"))
    for name in options.only or PARTS:
        print(f"## {name}\n", flush=True)
        found = PARTS[name](options.quick)
        print(markdown(found), flush=True)
        figures += found
        if options.write:
            known[name] = section(where, found, quick=options.quick)
            PAGE.write_text(page(known, PARTS), encoding="utf-8")
    print(misses(figures))
    return 0


def misses(figures: Sequence[Figure]) -> str:
    lines = [
        f"- {figure.name}: {figure.cells()[1] or 'nothing'}, target {figure.cells()[2]}" for figure in missed(figures)
    ]
    of = sum(figure.target is not None for figure in figures)
    return "\n".join([f"{len(lines)} of {of} targets missed or not measured{':' if lines else '.'}", *lines])


if __name__ == "__main__":
    sys.exit(main())
