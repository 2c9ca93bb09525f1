"""Is the candidate's error rate worse than `rho0` times stable's? An e-process: large only if it is, however often one looks.

Each block of traffic multiplies a bet on every ratio in RATIOS by the likelihood of the block's errors under that ratio against
the worst that H0 allows. Under H0 (p_c <= rho0 p_s in every block) no factor's expectation is above 1, whatever p_s does from
block to block, so E >= 1/alpha happens with probability <= alpha at most, ever (Ville). Why a factor is fair for Bernoulli
errors and not only for Poisson ones: (1 + y)**n <= exp(n y), and the exponents cancel at p_c = rho0 p_s.
"""

from math import exp, expm1, inf, log, log1p, sqrt

__all__ = ["DELAYED", "PRIOR", "RATIOS", "BadErrors", "log_sum"]

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""The regressions that are bet on, as p_c / p_s."""
PRIOR = (0.22, 0.22, 0.16, 0.13, 0.11, 0.09, 0.07)
"""The stake on each ratio."""
DELAYED = 0.3
"""The stake on a regression that sets in later; it is paid out to new starts at the rate STARTS per block."""
STARTS = 0.003
HIGH_BASE = 0.05
"""Above this stable error rate the non-errors carry information too, and the block form uses them."""


class BadErrors:
    """The evidence against a candidate over one rollout. O(1) time and memory per block, no overflow: all in logarithms.

    `rho0` is the ratio that is allowed (1.1: a tenth more errors), 1 <= rho0 < 100. `phi` >= 1 is the number of errors that share
    a cause, from history. Raises ValueError outside these.
    """

    __slots__ = (
        "_idle",
        "_left",
        "_now",
        "_rho0",
        "_seen",
        "_stakes",
        "_tempered",
        "_waiting",
        "log_e",
        "ratios",
        "stakes",
    )

    def __init__(self, rho0: float, phi: float = 1.0) -> None:
        bets = [(ratio, stake) for ratio, stake in zip(RATIOS, PRIOR, strict=True) if ratio > rho0]
        if not 1 <= rho0 < RATIOS[-1] or phi < 1:
            raise ValueError(
                f"not_worse_than must be from 1 to below {RATIOS[-1]:g} and phi at least 1: {rho0=} {phi=}"
            )
        total = sum(stake for _, stake in bets)
        self.log_e = 0.0
        """ln E: 0 before any traffic, ln(1/alpha) where the candidate is to go back."""
        self.ratios = tuple(ratio for ratio, _ in bets)
        self.stakes = tuple(stake / total for _, stake in bets)
        self._rho0 = rho0
        self._tempered = 1 / phi
        self._stakes = [log(stake) for stake in self.stakes]
        self._now = [log((1 - DELAYED) * stake) for stake in self.stakes]  # ln of each bet's part of E
        self._waiting = [-inf] * len(bets)  # the same for the bets that were started later
        self._left = log(DELAYED)  # ln of the delayed stake that no start has taken yet
        self._idle = 0  # blocks without evidence since the last bet; their starts are paid out with it
        self._seen = (0, 0)  # stable (n, x) over the earlier blocks

    def block(self, n_c: int, x_c: int, n_s: int, x_s: int) -> None:
        """Traffic of the same interval: `n` requests with `x` errors, candidate and stable. One side empty: no evidence."""
        seen_n, seen_x = self._seen
        self._seen = (seen_n + n_s, seen_x + x_s)
        if not (n_c and n_s):
            return
        base = (seen_x + 0.5) / (seen_n + 1)
        if seen_n and base > HIGH_BASE:
            self._bet(frequent(self.ratios, self._rho0, (n_c, x_c, n_s, x_s), base))
        elif x_c or x_s:
            self._bet(rare(self.ratios, self._rho0, (n_c, x_c, n_s, x_s)))
        else:
            self._idle += 1

    def alone(self, n_c: int, x_c: int, rate: float) -> None:
        """Traffic without a version beside it: against `rho0 * rate`, where `rate` bounds stable's error rate from above."""
        self._bet([x_c * log(r / self._rho0) - n_c * rate * (r - self._rho0) for r in self.ratios])

    def _bet(self, factors: list[float]) -> None:
        kept = (self._idle + 1) * log1p(-STARTS)
        start = self._left + log(-expm1(kept))
        self._left += kept
        self._idle = 0
        now, waiting, tempered = self._now, self._waiting, self._tempered
        for j, stake in enumerate(self._stakes):
            factor = factors[j] * tempered
            old, new = waiting[j], start + stake
            high, low = (old, new) if old > new else (new, old)
            waiting[j] = high + log1p(exp(low - high)) + factor
            now[j] += factor
        self.log_e = log_sum([*now, *waiting, self._left])


def rare(ratios: tuple[float, ...], rho0: float, block: tuple[int, int, int, int]) -> list[float]:
    """Logarithm of each bet's factor from errors alone: whose error was each, given that there were e? Needs no rate at all."""
    n_c, x_c, n_s, x_s = block
    theta = n_c / (n_c + n_s)
    errors = x_c + x_s
    allowed = errors * log1p(theta * (rho0 - 1))
    return [x_c * log(r / rho0) - errors * log1p(theta * (r - 1)) + allowed for r in ratios]


def frequent(ratios: tuple[float, ...], rho0: float, block: tuple[int, int, int, int], q_s: float) -> list[float]:
    """Logarithm of each bet's factor from errors and non-errors, for frequent errors; `q_s` is stable's rate in earlier blocks.

    The bet is (q_c, q_s) with the odds of q_c as far above the allowed rate's as the ratio says; H0 is met at the point of
    p_c = rho0 p_s that is nearest to it (Turner, Ly, Gruenwald; for rho0 = 1 that is the pooled rate).
    """
    n_c, x_c, n_s, x_s = block
    allowed = rho0 * q_s
    if allowed >= 1:
        return [0.0] * len(ratios)
    factors = []
    for ratio in ratios:
        odds = allowed / (1 - allowed) * ratio / rho0
        q_c = odds / (1 + odds)
        p = nearest(n_c, q_c, n_s, q_s, rho0)
        factors.append(_bernoulli(n_c, x_c, q_c, rho0 * p) + _bernoulli(n_s, x_s, q_s, p))
    return factors


def nearest(n_c: int, q_c: float, n_s: int, q_s: float, rho0: float) -> float:
    """The p in (0, 1/rho0) with n_c (rho0 p - q_c)(1 - p) + n_s (p - q_s)(1 - rho0 p) = 0: least divergence to (rho0 p, p)."""
    square = rho0 * (n_c + n_s)
    linear = n_c * (rho0 + q_c) + n_s * (1 + rho0 * q_s)
    constant = n_c * q_c + n_s * q_s
    return 2 * constant / (linear + sqrt(max(0.0, linear * linear - 4 * square * constant)))


def log_sum(logs: list[float]) -> float:
    """Logarithm of the sum of exp(logs), without overflow."""
    high = max(logs)
    return high + log(sum([exp(one - high) for one in logs]))


def _bernoulli(n: int, x: int, q: float, p: float) -> float:
    return x * log(q / p) + (n - x) * log((1 - q) / (1 - p))
