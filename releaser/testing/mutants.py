"""Does the checker see? Planted bugs, as patches, applied to a copy of the package and simulated until an invariant breaks.

`python -m releaser.testing.mutants tests/mutants` prints the table: which bug, caught by which invariant, after how long.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import releaser

__all__ = ["Caught", "main", "try_all", "try_one"]

PACKAGE = Path(releaser.__file__).parent


@dataclass(frozen=True, slots=True)
class Caught:
    """What became of one planted bug. `invariant` None: nothing noticed it."""

    name: str
    applied: bool
    invariant: int | None = None
    seed: int | None = None
    seconds: float = 0.0
    what: str = ""

    def __str__(self) -> str:
        if not self.applied:
            return f"{self.name:42} the patch does not apply: {self.what}"
        if self.invariant is None:
            return f"{self.name:42} NOT CAUGHT in {self.seconds:5.1f} s"
        return f"{self.name:42} invariant {self.invariant:2} seed {self.seed} in {self.seconds:5.1f} s   {self.what}"


def try_all(patches: Iterable[Path], *, seeds: int, workers: int = 2) -> list[Caught]:
    """Every patch against the first `seeds` seeds, `workers` at once, in the order of their names."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(partial(try_one, seeds=seeds), sorted(patches)))


def try_one(patch: Path, *, seeds: int) -> Caught:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "releaser"
        shutil.copytree(PACKAGE, copy)  # with what is compiled of it: only the patched file is compiled again
        for name in ("playbooks", "environments"):
            shutil.copytree(PACKAGE.parent / name, Path(folder) / name)
        applied = subprocess.run(
            ["patch", "-p1", "--forward", "--fuzz=0", "--silent", "-i", str(patch.resolve())],  # noqa: S607 - the system's patch
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if applied.returncode:
            return Caught(patch.stem, applied=False, what=(applied.stdout + applied.stderr).strip())
        return _simulated(patch.stem, Path(folder), seeds)


def _simulated(name: str, folder: Path, seeds: int) -> Caught:
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "releaser.testing.mutants", "--hunt", str(seeds)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    lines = ran.stdout.splitlines()
    if ran.returncode or not lines:
        raise RuntimeError(f"{name} breaks the simulator itself: {ran.stderr.strip()[-600:]}")
    found = json.loads(lines[-1])
    return Caught(name, applied=True, seconds=seconds, **found)


def hunt(seeds: int) -> dict[str, object]:
    """In the copy: the first seed that breaks an invariant, or lets an error of ours out of the loop."""
    from releaser.testing.sim_scenario import play

    for seed in range(seeds):
        violation = play(seed).violation
        if violation is not None:
            return {"invariant": violation.number, "seed": seed, "what": str(violation)[:90]}
    return {}


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every planted bug was caught."""
    parser = argparse.ArgumentParser(prog="python -m releaser.testing.mutants", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("tests/mutants"))
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hunt", type=int, metavar="SEEDS", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.hunt is not None:
        sys.stdout.write(json.dumps(hunt(given.hunt)) + "\n")
        return 0
    caught = try_all(given.folder.glob("*.patch"), seeds=given.seeds, workers=given.workers)
    sys.stdout.write("\n".join(str(one) for one in caught) + "\n")
    missed = [one for one in caught if one.invariant is None]
    longest = max((one.seconds for one in caught if one.invariant is not None), default=0.0)
    sys.stdout.write(f"{len(caught) - len(missed)} of {len(caught)} caught, the last after {longest:.1f} s\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
