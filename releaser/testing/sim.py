"""Do all invariants hold in many simulated releases? `python -m releaser.testing.sim --releases 20000 --seed 7`.

Prints the distribution of outcomes, phases and faults; on a violation the seed and a shrunk script with its trace.
"""

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from multiprocessing import get_context

from releaser.core.rollout import Phase
from releaser.testing.faults import FAULTS, Fault
from releaser.testing.sim_scenario import Canary, Scenario, play
from releaser.testing.sim_setting import Result

__all__ = ["Tally", "main", "shrink", "simulate"]

RAREST = 0.01
"""A phase, outcome or fault that is seen in fewer releases has not been tested."""
OUTCOMES = ("promoted", "rolled_back", "incomplete", "refused", "cancelled")
ENOUGH = 2000
"""Releases from which on rarity says something."""
CHUNK = 50


@dataclass(slots=True)
class Tally:
    """What many results say together. `digest` is over every outcome in order: the same for the same seeds."""

    releases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rollouts: int = 0
    """Those that came to an end: after some releases people roll back or promote again, and rivals come between."""
    numbers: Counter[int] = field(default_factory=Counter)
    """Violated invariants."""
    failed: list[tuple[int, str]] = field(default_factory=list)
    """(seed, violation)."""
    mistaken: int = 0
    cpu: float = 0.0
    digest: str = ""

    def take(self, result: Result) -> None:
        self.releases += 1
        self.rollouts += len(result.outcomes)
        self.outcomes.update(set(result.outcomes))
        self.phases.update(result.phases)
        self.faults.update(result.happened)
        self.mistaken += result.mistaken
        if result.violation:
            self.numbers[result.violation.number] += 1
            self.failed.append((result.seed, str(result.violation)))
        summary = f"{self.digest} {result.seed} {result.outcomes} {sorted(result.phases)} {result.violation}"
        self.digest = sha256(summary.encode()).hexdigest()

    def add(self, other: "Tally") -> None:
        self.releases += other.releases
        self.rollouts += other.rollouts
        self.outcomes += other.outcomes
        self.phases += other.phases
        self.faults += other.faults
        self.numbers += other.numbers
        self.failed += other.failed
        self.mistaken += other.mistaken
        self.cpu += other.cpu
        self.digest = sha256((self.digest + other.digest).encode()).hexdigest()

    def rare(self) -> list[str]:
        """What was seen too seldom to be called tested."""
        if self.releases < ENOUGH:
            return []
        expected = RAREST * self.releases
        least = expected - 3 * expected**0.5  # by chance a count is below that once in a thousand
        seen = [(outcome, self.outcomes[outcome]) for outcome in OUTCOMES]
        seen += [(phase.value, self.phases[phase.value]) for phase in Phase]
        seen += [(fault, self.faults[fault]) for fault in FAULTS]
        return [f"{name} ({count})" for name, count in seen if count < least]


def simulate(
    first: int,
    releases: int,
    *,
    workers: int = 1,
    until_violation: bool = False,
    kind: type[Scenario] = Scenario,
) -> Tally:
    """Seeds `first` and up. The result does not depend on `workers`."""
    play_chunk = partial(_chunk, kind=kind)
    chunks = [(start, min(CHUNK, first + releases - start)) for start in range(first, first + releases, CHUNK)]
    tally = Tally()
    if workers == 1:
        for chunk in chunks:
            tally.add(play_chunk(chunk))
            if until_violation and tally.failed:
                break
        return tally
    with get_context("spawn").Pool(workers) as pool:
        for part in pool.imap(play_chunk, chunks):
            tally.add(part)
            if until_violation and tally.failed:
                pool.terminate()
                break
    return tally


def _chunk(chunk: tuple[int, int], kind: type[Scenario]) -> Tally:
    # Worlds are thrown away whole, and full of cycles: every ten of them they are looked for, while the caches still hold them.
    gc.set_threshold(5_000, 10, 10)
    tally, began = Tally(), time.process_time()
    for seed in range(chunk[0], chunk[0] + chunk[1]):
        tally.take(play(seed, kind=kind))
    tally.cpu = time.process_time() - began
    return tally


def shrink(seed: int, kind: type[Scenario] = Scenario) -> Result:
    """The same seed with as few and as short faults as still violate the same invariant, traced."""
    found = play(seed, kind=kind)
    if found.violation is None:
        return play(seed, traced=True, kind=kind)
    number, faults = found.violation.number, list(found.faults)

    def fails(tried: Sequence[Fault]) -> bool:
        violation = play(seed, tried, kind=kind).violation
        return violation is not None and violation.number == number

    for fault in list(faults):
        without = [other for other in faults if other is not fault]
        if fails(without):
            faults = without
    for index, fault in enumerate(faults):
        for shorter in _shorter(fault):
            tried = [*faults[:index], shorter, *faults[index + 1 :]]
            if fails(tried):
                faults = tried
                break
    return play(seed, faults, traced=True, kind=kind)


def _shorter(fault: Fault) -> Iterable[Fault]:
    for seconds in (0.0, fault.seconds / 4, fault.seconds / 2):
        if 0.0 <= seconds < abs(fault.seconds):
            yield Fault(fault.kind, fault.when, fault.after, fault.where, seconds)


def report(tally: Tally, workers: int, seconds: float, rare: Sequence[str], what: str = "releases") -> str:
    """What a person reads after a run."""

    def shares(title: str, counted: Counter[str]) -> str:
        each = (f"{name} {count / tally.releases:.1%}" for name, count in counted.most_common())
        return f"{title:9} {', '.join(each)}"

    speed = f"{tally.releases / tally.cpu:.0f} ({tally.rollouts / tally.cpu:.0f} rollouts) per second and core"
    end = f"{len(tally.failed)} violations, digest {tally.digest[:12]}"
    lines = [
        f"{tally.releases} {what} in {seconds:.1f} s with {workers} workers: {speed}, {end}",
        shares("outcomes", tally.outcomes),
        shares("phases", tally.phases),
        shares("faults", tally.faults),
        f"sound versions taken back by the judge: {tally.mistaken / tally.releases:.2%} of releases",
    ]
    if rare:
        lines.append(f"seen in fewer than {RAREST:.0%} of releases: {', '.join(rare)}")
    lines += [f"seed {seed}: {what}" for seed, what in tally.failed[:10]]
    return "\n".join(lines)


def told(result: Result) -> str:
    """One result with its trace."""
    setting = result.setting
    head = [f"seed {result.seed}: a {setting.quality.name} version, {setting.shape}, then {setting.sequel}"]
    return "\n".join([*head, *(f"fault {fault}" for fault in result.faults), *result.trace])


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing was violated and nothing is rare; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m releaser.testing.sim", description=__doc__)
    parser.add_argument("--releases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow it")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--shape",
        choices=["canary"],
        help="no other plan, and nothing after it; what this cannot show is not called rare",
    )
    parser.add_argument("--trace", type=int, metavar="SEED", help="tell one seed, shrunk if it violates something")
    given = parser.parse_args(arguments)
    kind, what = (Canary, "releases by the canary alone") if given.shape else (Scenario, "releases")
    if given.trace is not None:
        result = shrink(given.trace, kind)
        sys.stdout.write(told(result) + "\n")
        return 1 if result.violation else 0
    began = time.monotonic()
    first = given.seed * 1_000_000
    tally = simulate(first, given.releases, workers=given.workers, kind=kind)
    rare = [] if given.shape else tally.rare()
    sys.stdout.write(report(tally, given.workers, time.monotonic() - began, rare, what) + "\n")
    if tally.failed:
        sys.stdout.write("\n" + told(shrink(tally.failed[0][0], kind)) + "\n")
    return 1 if tally.failed or rare else 0


if __name__ == "__main__":
    sys.exit(main())
