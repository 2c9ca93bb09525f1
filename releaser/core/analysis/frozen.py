"""How high can stable's error rate have been, by the counts it left? The measure at 100 %, where nothing runs beside the candidate.

With all traffic on the candidate there is no comparison under the same conditions any more. What is left is stable's record
from this rollout, taken at its upper confidence bound: `BadErrors.alone` goes on with it.
"""

from math import inf, log

__all__ = ["SHARE", "upper_rate"]

SHARE = 0.1
"""The bound fails with probability alpha * SHARE at most; that much the stay at 100 % adds to alpha."""
LINES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99, 0.995)


def upper_rate(n: int, x: int, delta: float) -> float:
    """An upper bound of the error rate behind `x` errors in `n` requests: wrong with probability <= delta at any stopping time.

    Each line r bets that the rate is r times the bound; r**x exp(n q (1 - r)) is a fair bet against "the rate is q or more",
    and the bound is the lowest q at which one of them would have won 1/delta times its equal stake. inf without requests.
    """
    if n == 0:
        return inf
    needed = log(len(LINES) / delta)
    return min((needed - (x * log(r) if x else 0.0)) / (n * (1 - r)) for r in LINES if r > 0 or x == 0)
