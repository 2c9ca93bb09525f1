"""Is the candidate's error rate surely below stable's plus `eps`? The evidence that lets a step be left.

H0: p_c >= p_s + eps. G starts anew at each step, so that a PASS rests on traffic of that step alone; what it expects of stable
is learnt from all earlier traffic, which costs nothing: any guess that was made before the block keeps the test fair.
"""

from collections.abc import Sequence
from math import log, sqrt

__all__ = ["GoodErrors", "least_favourable", "step_tolerances"]

WIDEST = 0.2
"""No step is left on less than "surely not a fifth more of all requests fail"."""


def step_tolerances(weights: Sequence[int], within: float) -> tuple[float, ...]:
    """The tolerance eps of each step, in absolute error rate, for weights in percent.

    Wider where less traffic flows, so that every step needs about the same time; only the last below 100 must reach `within`.
    """
    last = max((weight for weight in weights if weight < 100), default=100)
    return tuple(min(WIDEST, within * last / weight) for weight in weights)


class GoodErrors:
    """The evidence for a candidate within one step, 0 < eps, 0 < beta < 1. `prior` is stable's (errors, requests) before."""

    __slots__ = ("_beta", "_n", "_x", "eps", "log_g")

    def __init__(self, eps: float, beta: float, prior: tuple[float, float] = (0, 0)) -> None:
        if eps <= 0 or not 0 < beta < 1:
            raise ValueError(f"the tolerance must be above 0 and beta between 0 and 1: {eps=} {beta=}")
        self.eps = eps
        self._beta = beta
        self._x, self._n = prior
        self.log_g = 0.0

    @property
    def expected(self) -> float:
        """Stable's error rate by everything before the next block: never 0."""
        return (self._x + 0.5) / (self._n + 1)

    @property
    def passed(self) -> bool:
        """G >= 1/beta: worse than stable by eps or more would look this good with probability beta at most."""
        return self.log_g >= -log(self._beta)

    def block(self, n_c: int, x_c: int, n_s: int, x_s: int) -> None:
        """Traffic of the same interval: `n` requests with `x` errors, candidate and stable."""
        self.log_g += log_factor(self.eps, self.expected, (n_c, x_c, n_s, x_s))
        self._x += x_s
        self._n += n_s


def log_factor(eps: float, q: float, block: tuple[int, int, int, int]) -> float:
    """Logarithm of the likelihood of the block at rate `q` in both, against the nearest (p* + eps, p*)."""
    n_c, x_c, n_s, x_s = block
    if n_c == 0:
        return 0.0
    p = least_favourable(n_c / (n_c + n_s), q, eps)
    candidate = x_c * log(q / (p + eps)) - n_c * (q - p - eps)
    return candidate + (x_s * log(q / p) - n_s * (q - p) if n_s else 0.0)


def least_favourable(theta: float, q: float, eps: float) -> float:
    """The p* with theta q/(p* + eps) + (1 - theta) q/p* = 1, that is p*^2 + (eps - q) p* - q (1 - theta) eps = 0."""
    gap = q - eps
    root = sqrt(gap * gap + 4 * q * (1 - theta) * eps)
    if gap >= 0:
        return (gap + root) / 2
    return 2 * q * (1 - theta) * eps / (root - gap)  # the same root, without taking two near numbers from one another
