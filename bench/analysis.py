"""How good is the judge? The figures that its specification sets, by simulation, with their seeds.

    python -m bench.analysis [--releases N] [--seed S]

Releases run through the real Judge, fed with the cumulative counters of a simulated router; single tests run on the e-processes.
Harmed requests are the candidate's errors beyond what stable would have failed: x_c - p_s n_c.
"""

import argparse
import platform
import time
from collections.abc import Callable
from math import log, log1p
from random import Random
from statistics import median

from bench.simulated import Run, canary, hits, in_world, many, quantile, share
from releaser.core.analysis.errors_bad import BadErrors
from releaser.core.analysis.errors_good import GoodErrors
from releaser.core.analysis.judge import Judge
from releaser.core.analysis.planner import good_need, regression_need
from releaser.core.values import Counts
from releaser.testing.samples import NEW, OLD


def part(runs: list[Run], end: str) -> float:
    return sum(run.end == end for run in runs) / len(runs)


def describe(runs: list[Run]) -> str:
    seconds, harmed = [run.seconds for run in runs], [run.harmed for run in runs]
    ends = ", ".join(f"{part(runs, end):.2%} {end}" for end in ("promoted", "rolled back", "open") if part(runs, end))
    return (
        f"{ends}; seconds {median(seconds):.0f} (p95 {quantile(seconds, 0.95):.0f}); "
        f"harmed {median(harmed):.1f} (p95 {quantile(harmed, 0.95):.1f})"
    )


def first_alarm(
    bad: BadErrors, alpha: float, rng: Random, n_c: int, weight: float, p_s: float, p_c: float
) -> tuple[int, int]:
    """(requests, errors) of the candidate when blocks of `n_c` candidate requests are judged bad."""
    n_s, spare, n, x = n_c * (1 - weight) / weight, 0.0, 0, 0
    while n < 50_000_000:
        spare += n_s
        stable, spare = int(spare), spare - int(spare)
        found = hits(rng, n_c, p_c)
        bad.block(n_c, found, stable, hits(rng, stable, p_s))
        n, x = n + n_c, x + found
        if bad.log_e >= -log(alpha):
            break
    return n, x


def oracle(alpha: float, rng: Random, n_c: int, weight: float, p_s: float, p_c: float) -> tuple[int, int]:
    """The same for the sequential probability ratio test on the same traffic that knows the ratio beforehand."""
    n_s, spare, n, x, evidence, ratio = n_c * (1 - weight) / weight, 0.0, 0, 0, 0.0, p_c / p_s
    while evidence < -log(alpha):
        spare += n_s
        stable, spare = int(spare), spare - int(spare)
        found, others = hits(rng, n_c, p_c), hits(rng, stable, p_s)
        evidence += found * log(ratio) - (found + others) * log1p(n_c / (n_c + stable) * (ratio - 1))
        n, x = n + n_c, x + found
    return n, x


def harm(runs: list[tuple[int, int]], p_s: float) -> float:
    return median(x - p_s * n for n, x in runs)


def row(number: str, target: str, result: str) -> None:
    print(f"{number:>3} | {target:<58} | {result}", flush=True)


def false_rollbacks(n: int, seed: int) -> None:
    """A bake without a version beside it is an hour's part of the day at most: that of 600 s has a day of four hours, not of 600 s."""
    for bake, some, day in ((0.0, n, 600.0), (60.0, n, 600.0), (600.0, n // 2, 14400.0)):
        for index, name in enumerate(("steady", "time of day x4", "shared shocks")):
            runs = [in_world(index, f"1/{seed}/{i}", bake, day=day) for i in range(some)]
            world = name if index != 1 or day == 600 else f"{name} in a day of four hours"
            row("1", f"{world}, then {bake:.0f} s at 100 %: rolled back <= 1 % (n={some})", describe(runs))
    runs = [in_world(1, f"1/{seed}/{i}", 600.0) for i in range(n // 4)]
    row("", f"errors x4 within five minutes, then 600 s at 100 % (n={n // 4})", describe(runs))
    for index, name in ((0, "steady"), (2, "shared shocks")):
        for full in (3.0, 5.0, 13.0, 25.0, 500.0):
            runs = [in_world(index, f"1/{seed}/{i}", 600.0, full=full) for i in range(n // 4)]
            target = "missed <= 5 %" if full >= 5 else "missed"
            row("1", f"{name}, x{full:g} from 100 % on, bake 600 s: {target} (n={len(runs)})", found_late(runs))


def found_late(runs: list[Run]) -> str:
    """When and at what cost a regression was found that only the full load brought."""
    found = [run for run in runs if run.end == "rolled back" and run.alone]
    late, harmed = [run.alone for run in found], [run.harmed for run in found]
    missed = f"{sum(run.end == 'promoted' for run in runs) / len(runs):.1%} missed"
    if not found:
        return missed
    return f"{missed}; found {median(late):.0f} s after 100 % (p95 {quantile(late, 0.95):.0f}), harmed {median(harmed):.0f}"


def harm_against_oracle(n: int, seed: int) -> None:
    p_s, weight, alpha = 0.001, 0.05, 0.01
    for ratio, block in ((2, 10), (3, 10), (5, 10), (10, 2), (30, 2), (100, 2)):
        p_c = ratio * p_s
        ours = [first_alarm(BadErrors(1.0), alpha, Random(f"2/{seed}/{i}"), block, weight, p_s, p_c) for i in range(n)]
        best = [oracle(alpha, Random(f"2/{seed}/{i}"), block, weight, p_s, p_c) for i in range(n)]
        a, b = harm(ours, p_s), harm(best, p_s)
        row("2", f"x{ratio} at 5 %, p0 .1 %, rho0 1: <= 1.5 x the oracle's harm", f"{a:.1f} / {b:.1f} = {a / b:.2f}")
        if ratio == 2:
            row("3", "x2 at 5 %, p0 .1 %, rho0 1: <= 15 harmed (median)", f"{a:.1f}")
            several = 8 * n  # so close to its target, a median of few releases is a matter of the seed
            wide = [
                first_alarm(BadErrors(1.1), alpha, Random(f"3/{seed}/{i}"), block, weight, p_s, p_c)
                for i in range(several)
            ]
            row("3", f"x2, rho0 1.1: <= 20 harmed (median, n={several})", f"{harm(wide, p_s):.2f}")
    for weight in (0.01, 0.05):
        down = [first_alarm(BadErrors(1.0), alpha, Random(f"4/{seed}/{i}"), 2, weight, p_s, 1.0) for i in range(n)]
        row("4", f"outage at {weight:.0%}, blocks of two requests, rho0 1: <= 3 harmed", f"{harm(down, p_s):.1f}")


def times_and_harm(n: int, seed: int) -> None:
    for rate, target in ((100.0, "75 s"), (10.0, "480 s")):
        runs = many(n // 2, seed, canary(within=0.01), rate, 0.001, 0.001)
        row("6", f"good version, within 1 %, p0 .1 %, {rate:.0f}/s: <= {target}", describe(runs))
    row("6b", "identical, 1 % errors, 50/s: rolled back <= 1 %", describe(many(n, seed, canary(), 50, 0.01, 0.01)))
    print("\nThe canary of 1, 5, 25, 50 % at 200 req/s, base rate .2 %, within .5 %, dwell 15 s, rho0 1.1")
    cases = [("identical", 0.002), ("+1 %", 0.012), ("five times", 0.01), ("outage", 1.0)]
    for name, p_c in cases:
        row(
            "",
            f"{name}, counters read every second (n={n // 2})",
            describe(many(n // 2, seed, canary(), 200, 0.002, p_c)),
        )
    for name, p_c in cases:
        runs = many(max(20, n // 20), seed, canary(), 200, 0.002, p_c, tick=0.005)
        row("", f"{name}, every request (n={max(20, n // 20)})", describe(runs))


def false_promotions(n: int, seed: int) -> None:
    for weight, eps in ((0.01, 0.2), (0.05, 0.05), (0.25, 0.01), (0.5, 0.005)):
        passed = 0
        for i in range(n):
            rng = Random(f"7/{seed}/{weight}/{i}")
            good = GoodErrors(eps, 0.05)
            for _ in range(120):
                n_c = share(rng, 200, weight)
                good.block(n_c, hits(rng, n_c, 0.002 + eps), 200 - n_c, hits(rng, 200 - n_c, 0.002))
                if good.passed:
                    passed += 1
                    break
        row("7", f"worse by exactly eps={eps:g} at {weight:.0%}: passes <= 5 % (n={n}, 120 s)", f"{passed / n:.2%}")


def planner_error(n: int, seed: int) -> None:
    for rho0 in (1.0, 1.1, 1.25):
        errors50, errors95 = [], []
        for weight in (0.05, 0.25, 0.5):
            for ratio in (2.0, 3.0, 5.0, 10.0, 30.0):
                need = regression_need(ratio, weight=weight, base=0.001, alpha=0.01, rho0=rho0)
                if need is None:
                    continue
                block = max(2, round(0.25 / (ratio * 0.001)))
                seen = [
                    float(
                        first_alarm(
                            BadErrors(rho0), 0.01, Random(f"8/{seed}/{i}"), block, weight, 0.001, ratio * 0.001
                        )[0]
                    )
                    for i in range(n)
                ]
                errors50.append((need.n50 / quantile(seen, 0.5) - 1, weight, ratio))
                errors95.append((need.n95 / quantile(seen, 0.95) - 1, weight, ratio))
        for name, errors in (("n50", errors50), ("n95", errors95)):
            low, high = min(errors), max(errors)
            row(
                "8",
                f"planner against simulation, {name}, rho0 {rho0:g}: 0 to +35 %",
                f"{low[0]:+.0%} (x{low[2]:g} at {low[1]:.0%}) to {high[0]:+.0%} (x{high[2]:g} at {high[1]:.0%})",
            )
    need_good = good_need(weight=0.5, base=0.002, eps=0.005, beta=0.05)
    if need_good is not None:
        row(
            "",
            "good version at 50 %, within .5 %, 200/s: evidence",
            f"{need_good.n50 / 100:.0f} s (95 %: {need_good.n95 / 100:.0f} s)",
        )


def cost() -> None:
    rounds = 20_000
    bad, good = BadErrors(1.1), GoodErrors(0.005, 0.05)
    began = time.perf_counter()
    for i in range(rounds):
        bad.block(10, i % 50 == 0, 190, i % 3 == 0)
        good.block(10, i % 50 == 0, 190, i % 3 == 0)
    blocks = (time.perf_counter() - began) / rounds
    judge = Judge(canary())
    judge.begin(0, 0.0)
    began = time.perf_counter()
    for i in range(rounds):
        judge.counted("web/lb1", {OLD.id: Counts(190 * i, i // 3), NEW.id: Counts(10 * i, i // 50)}, float(i))
    counted = (time.perf_counter() - began) / rounds
    began = time.perf_counter()
    for i in range(rounds):
        judge.verdict(float(rounds + i % 2))
    asked = (time.perf_counter() - began) / rounds
    row(
        "9",
        "per error block <= 20 us",
        f"both tests {blocks * 1e6:.1f} us; a reading {counted * 1e6:.1f} us; a verdict {asked * 1e6:.1f} us",
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--releases", type=int, default=400, help="simulated releases per row (default %(default)s)")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--rows", default="1 2 6 7 8 9", help="which groups to run (default %(default)s)")
    chosen = options.parse_args()
    n, seed, rows = chosen.releases, chosen.seed, chosen.rows.split()
    print(
        f"seed {seed}, {n} releases a row, Python {platform.python_version()}, {platform.processor() or platform.machine()}\n"
    )
    groups: dict[str, Callable[[], None]] = {
        "1": lambda: false_rollbacks(n, seed),
        "2": lambda: harm_against_oracle(n, seed),
        "6": lambda: times_and_harm(n, seed),
        "7": lambda: false_promotions(n, seed),
        "8": lambda: planner_error(2 * n, seed),
        "9": cost,
    }
    for name, group in groups.items():
        if name in rows:
            group()


if __name__ == "__main__":
    main()
