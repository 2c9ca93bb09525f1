"""Has trouble at 100 % lasted too long to be a bad moment of the whole world? The evidence where nothing runs beside the candidate.

With a version beside it, a bad moment befalls both and proves nothing. Alone, the first seconds of a bad moment look like the first
seconds of a bad release, so these are not bet on: the test looks at windows of some seconds, and only where PATIENCE of them in a row
were worse than allowed does it bet on the next one, on all of it, good or bad. H0: where that many were worse in a row, the world does
not spoil the next one too, and outside the world's bad moments the error rate is at most rho0 times stable's. So every window that is
bet on is an ordinary one under H0, and no factor's expectation is above 1, however bad the moments are and however often they come.

An outage isn't waited for: a second test bets on every block, against WIDEST, which a bad moment stays below.
"""

from math import log

from releaser.core.analysis.errors_bad import BadErrors, log_sum
from releaser.core.analysis.errors_good import WIDEST

__all__ = ["PATIENCE", "WINDOW", "Alone"]

WINDOW = 3.0
"""Seconds that a window lasts at least."""
EXPECTED = 0.5
"""Errors that are allowed in a window at least: with little traffic it lasts longer."""
PATIENCE = 5
"""Windows in a row that are worse than allowed before the next one is bet on: 15 s where there is traffic."""


class Alone:
    """The evidence against a candidate in one stay at 100 %, begun at second `at`: half of it on lasting trouble, half on an outage.

    `rate` is stable's error rate at most, 0 < rate < 1, and `rho0` the ratio to it that is allowed. O(1) time and memory per block.
    """

    __slots__ = ("_allowed", "_n", "_opened", "_outage", "_rate", "_run", "_trouble", "_x")

    def __init__(self, rho0: float, rate: float, at: float) -> None:
        self._rate = rate
        self._allowed = rho0 * rate
        self._trouble = BadErrors(rho0)
        self._outage = BadErrors(rho0)
        self._opened = at
        self._n = self._x = 0
        self._run = 0  # windows in a row that were worse than allowed

    @property
    def log_e(self) -> float:
        """By which factor this stay changes the evidence of the rollout, as a natural logarithm: 0 at its begin."""
        return log_sum([self._trouble.log_e, self._outage.log_e]) - log(2)

    def block(self, n: int, x: int, at: float) -> None:
        """`n` requests with `x` errors, read at second `at`. Only arrivals and time close a window, never what was answered."""
        self._outage.alone(n, x, max(self._rate, WIDEST))
        self._n, self._x = self._n + n, self._x + x
        if at - self._opened >= WINDOW and self._n * self._allowed >= EXPECTED:
            self._close(at)

    def _close(self, at: float) -> None:
        if self._run >= PATIENCE:
            self._trouble.alone(self._n, self._x, self._rate)
        self._run = self._run + 1 if self._x > self._n * self._allowed else 0
        self._opened, self._n, self._x = at, 0, 0
