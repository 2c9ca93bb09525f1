"""What becomes of one release whose requests are drawn by chance? The real Judge, fed with the counters of a simulated router."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import cos, log, log1p, pi, sqrt
from random import Random

from releaser.core.analysis.errors_good import step_tolerances
from releaser.core.analysis.judge import Judge
from releaser.core.plan import Judging, Plan, Step
from releaser.core.values import Counts, Reading, Verdict
from releaser.testing.samples import NEW, OLD, promotion

Rate = Callable[[float], float]
"""Error rate at a second."""

LONGEST = 3600.0
"""Seconds after which a release is left open."""


@dataclass(frozen=True)
class Run:
    """One simulated release."""

    end: str
    seconds: float
    harmed: float
    alone: float = 0.0
    """Seconds of it at 100 %."""


def canary(weights: tuple[int, ...] = (1, 5, 25, 50), dwell: float = 15.0, bake: float = 0.0, **rule: float) -> Plan:
    """The plan of a canary release with two versions behind one router."""
    judging = replace(Judging(), **rule)  # type: ignore[arg-type]  # all rules varied here are numbers
    eps = step_tolerances(weights, judging.within)
    steps = [Step(weight, at_least=dwell, eps=one) for weight, one in zip(weights, eps, strict=True)]
    return promotion(*steps, Step(100), bake=bake, judging=judging)


def hits(rng: Random, n: int, p: float) -> int:
    """How many of `n` happen with probability `p`, by jumping from one to the next."""
    if p <= 0 or n == 0:
        return 0
    if p >= 1:
        return n
    step, at, found = log1p(-p), 0.0, 0
    while True:
        at += int(log(1 - rng.random()) / step) + 1
        if at > n:
            return found
        found += 1


def share(rng: Random, n: int, weight: float) -> int:
    """How many of `n` requests the router sends to the candidate."""
    if n * weight > 30:
        return min(n, max(0, round(rng.gauss(n * weight, sqrt(n * weight * (1 - weight))))))
    return hits(rng, n, weight)


class Traffic:
    """What the router has counted so far. At 100 % the candidate has `full` times its error rate."""

    def __init__(self, rng: Random, rate: float, p_s: Rate, p_c: Rate, full: float) -> None:
        self.rng, self.rate, self.p_s, self.p_c, self.full = rng, rate, p_s, p_c, full
        self.stable, self.candidate = Counts(), Counts()
        self.spare = 0.0
        self.harmed, self.alone = 0.0, 0.0
        """As in `Run`; harmed requests are counted against stable's error rate, as everywhere."""

    def flow(self, seconds: float, at: float, weight: float) -> int:
        """The requests of these seconds, until `at`; how many of them the candidate got."""
        self.spare += self.rate * seconds
        n, self.spare = int(self.spare), self.spare - int(self.spare)
        n_c = n if weight == 1 else share(self.rng, n, weight)
        fails = min(1.0, self.p_c(at) * self.full) if weight == 1 else self.p_c(at)
        x_c, x_s = hits(self.rng, n_c, fails), hits(self.rng, n - n_c, self.p_s(at))
        self.alone += seconds if weight == 1 else 0.0
        self.harmed += x_c - self.p_s(at) * n_c
        self.stable = Counts(self.stable.completed + n - n_c, self.stable.failed + x_s)
        self.candidate = Counts(self.candidate.completed + n_c, self.candidate.failed + x_c)
        return n_c

    def counts(self) -> dict[str, Counts]:
        return {OLD.id: self.stable, NEW.id: self.candidate}


def release(plan: Plan, rng: Random, rate: float, p_s: Rate, p_c: Rate, *, tick: float = 1.0, full: float = 1.0) -> Run:
    """One release: counters are read every `tick` seconds, a step is left on GOOD, the release goes back on BAD."""
    judge, traffic, at, step, asked = Judge(plan), Traffic(rng, rate, p_s, p_c, full), 0.0, 0, 0.0
    judge.begin(0, at)
    judge.counted("web/lb1", traffic.counts(), at)
    while at < LONGEST:
        at += tick
        n_c = traffic.flow(tick, at, plan.steps[step].weight / 100)
        judge.counted("web/lb1", traffic.counts(), at)
        if at - asked >= 1.0 - 1e-9:
            judge.health("web", Reading(passed=True), at)
            asked = at
        if n_c == 0 and at != asked:
            continue
        match judge.verdict(at).verdict:
            case Verdict.BAD:
                return Run("rolled back", at, traffic.harmed, traffic.alone)
            case Verdict.GOOD if step == len(plan.steps) - 1:
                return Run("promoted", at, traffic.harmed, traffic.alone)
            case Verdict.GOOD:
                step += 1
                judge.begin(step, at)
                judge.counted("web/lb1", traffic.counts(), at)
                if plan.steps[step].weight == 100 and plan.bake == 0:
                    return Run("promoted", at, traffic.harmed, traffic.alone)
            case _:
                pass
    return Run("open", at, traffic.harmed, traffic.alone)


def many(n: int, seed: int, plan: Plan, rate: float, p_s: float, p_c: float, *, tick: float = 1.0) -> list[Run]:
    return [release(plan, Random(f"{seed}/{i}"), rate, lambda _: p_s, lambda _: p_c, tick=tick) for i in range(n)]


def quantile(values: list[float], at: float) -> float:
    return sorted(values)[min(len(values) - 1, int(at * len(values)))]


def worlds(base: float, rng: Random, day: float = 600.0) -> Iterator[tuple[str, Rate]]:
    """Error rates that both versions share: steady, four times as high at the peak of a day of `day` seconds, with shocks of some seconds."""
    phase = rng.random() * day
    yield "steady", lambda _: base
    yield "time of day x4", lambda t: base * (2.5 - 1.5 * cos(2 * pi * (t + phase) / day))
    shocks = [(rng.random() * 120, 5 * rng.random(), 5 + 45 * rng.random()) for _ in range(4)]
    yield (
        "shared shocks",
        lambda t: min(0.9, base * max([f for a, d, f in shocks if a <= t % 120 < a + d], default=1.0)),
    )


def in_world(index: int, seed: str, bake: float, *, day: float = 600.0, full: float = 1.0) -> Run:
    rng = Random(seed)
    rate = list(worlds(0.002, rng, day))[index][1]
    return release(canary(bake=bake), rng, 200, rate, rate, full=full)
