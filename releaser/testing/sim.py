"""Do the invariants hold in thousands of releases under faults? The simulator's command: `python -m releaser.testing.sim`.

The same seed plays the same story, byte for byte. On a violation: the seed, the invariant, and the shortest script of faults
that still breaks it, with its trace. What was seen is counted, because faults that never happen prove nothing.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pool

from releaser.testing.faults import Fault
from releaser.testing.sim_scenario import Result, play

__all__ = ["Tally", "main", "play_all", "shrink"]

RARE = 0.01
"""A phase, outcome or fault that fewer releases than this saw was not tested."""
ENOUGH = 2000
"""Below so many releases chance alone makes things rare."""
CHUNK = 25


@dataclass(slots=True)
class Tally:
    """What many seeds saw."""

    releases: int = 0
    mistaken: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)
    """Seeds with a violation."""

    def add(self, result: Result) -> None:
        self.releases += max(1, len(result.outcomes))
        self.mistaken += result.mistaken
        self.outcomes.update(result.outcomes)
        self.phases.update(str(phase) for phase in result.phases)
        self.faults.update(result.happened)
        if result.violation is not None:
            self.broken.append(result.seed)

    def rare(self) -> list[str]:
        """What was seen too seldom to say that it was tested."""
        if self.releases < ENOUGH:
            return []
        seen = [*self.outcomes.items(), *self.phases.items(), *self.faults.items()]
        return sorted(name for name, count in seen if count < RARE * self.releases)


def play_all(seeds: Sequence[int], workers: int = 1) -> Tally:
    """Each seed once; more than one worker are processes of their own."""
    tally = Tally()
    for result in _results(seeds, workers):
        tally.add(result)
    return tally


def _results(seeds: Sequence[int], workers: int) -> Iterator[Result]:
    if workers <= 1:
        yield from map(play, seeds)
        return
    with Pool(workers) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=CHUNK)


def shrink(seed: int) -> tuple[tuple[Fault, ...], Result]:
    """The shortest script of this seed's faults that still breaks an invariant, and its traced story."""
    faults = play(seed).faults
    again = True
    while again:
        again = False
        for index in range(len(faults)):
            fewer = (*faults[:index], *faults[index + 1 :])
            if play(seed, fewer).violation is not None:
                faults, again = fewer, True
                break
    return faults, play(seed, faults, traced=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m releaser.testing.sim", description=__doc__)
    parser.add_argument("--releases", type=int, default=20000, help="how many stories; some have more than one release")
    parser.add_argument("--seed", type=int, default=7, help="the first seed")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--trace", type=int, metavar="SEED", help="play one seed and print its story")
    options = parser.parse_args(arguments)
    if options.trace is not None:
        return _report(play(options.trace, traced=True))
    began = time.perf_counter()
    tally = play_all(range(options.seed * 1_000_000, options.seed * 1_000_000 + options.releases), options.workers)
    _print(_told(tally, time.perf_counter() - began, options.workers))
    if tally.broken:
        _, result = shrink(min(tally.broken))
        return _report(result)
    return 1 if tally.rare() else 0


def _told(tally: Tally, seconds: float, workers: int) -> Iterator[str]:
    rate = tally.releases / seconds if seconds else 0.0
    yield f"{tally.releases:,} releases in {seconds:.1f} s: {rate:.0f} a second with {workers} workers"
    for name, counts in (("outcomes", tally.outcomes), ("phases", tally.phases), ("faults", tally.faults)):
        yield f"{name}:"
        for what, count in counts.most_common():
            yield f"  {what:<28}{count:>9,}{count / tally.releases:>9.1%}"
    yield f"good candidates taken back by the judge: {tally.mistaken}"
    yield f"seeds with a violation: {len(tally.broken)} {sorted(tally.broken)[:10] if tally.broken else ''}"
    if tally.rare():
        yield f"seen in less than {RARE:.0%} of the releases, so not tested: {', '.join(tally.rare())}"


def _report(result: Result) -> int:
    _print([f"seed {result.seed}: {result.setting}", *(f"fault: {fault}" for fault in result.faults), *result.trace])
    return 1 if result.violation is not None else 0


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
