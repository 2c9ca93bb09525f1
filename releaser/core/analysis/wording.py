"""How are the judge's figures said to a person?"""

from math import exp, log

__all__ = ["against", "answered", "ratio", "span"]

MOST = 1_000_000


def answered(n: int, x: int) -> str:
    """As in 12 of 4,000."""
    return f"{x:,} of {n:,}"


def against(log_e: float) -> str:
    """As in 990 to 1 against: the e-value is what a fair bet on "worse than allowed" would have paid."""
    if log_e > log(MOST):
        return f"over {MOST:,} to 1 against"
    return f"{exp(log_e):,.0f} to 1 against"


def span(seconds: float) -> str:
    """As in 40 s, 12 min, 3.5 h."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def ratio(value: float) -> str:
    """As in 1.5 times."""
    return f"{value:g} times"
