"""How high can an error rate be, by counts alone? The measure at 100 %, where nothing runs beside the candidate.

With all traffic on the candidate there is no comparison under the same conditions any more. What is left is stable's record
from this rollout, taken at its upper confidence bound: `BadErrors.alone` goes on with it.
"""

from math import erfc, inf, log, sqrt

__all__ = ["SHARE", "upper_rate", "upper_rate_ever"]

SHARE = 0.1
"""The bound fails with probability alpha * SHARE; that much the stay at 100 % adds to alpha."""
LINES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99, 0.995)


def upper_rate(n: int, x: int, delta: float) -> float:
    """An upper bound of the error rate behind `x` errors in `n` requests, for one look: below it with probability delta. inf for n = 0.

    The Poisson limit in Wilson and Hilferty's approximation. The look comes when the candidate has passed every step, which happens
    the sooner the more errors stable had: where that moment is not quite independent of the counts, it errs upwards.
    """
    if n == 0:
        return inf
    above = x + 1
    root = 1 - 1 / (9 * above) + _normal(delta) / (3 * sqrt(above))
    return float(above * root**3 / n)


def upper_rate_ever(n: int, x: int, delta: float) -> float:
    """The same for as many looks as one likes, at any time: wider.

    Each line r bets that the rate is r times the bound; r**x exp(n q (1 - r)) is a fair bet against "the rate is q or more",
    and the bound is the lowest q at which one of them would have won 1/delta times its equal stake.
    """
    if n == 0:
        return inf
    needed = log(len(LINES) / delta)
    return min((needed - (x * log(r) if x else 0.0)) / (n * (1 - r)) for r in LINES if r > 0 or x == 0)


def _normal(delta: float) -> float:
    """The z above which a normal variable is with probability delta < 1/2, to nine digits."""
    low, high = 0.0, 40.0
    for _ in range(35):
        middle = (low + high) / 2
        low, high = (middle, high) if erfc(middle / sqrt(2)) / 2 > delta else (low, middle)
    return high
