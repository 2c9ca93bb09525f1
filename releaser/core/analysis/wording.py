"""How are the judge's figures said to a person?"""

from math import exp, log

from releaser.core.events import Share
from releaser.core.share import say_observed

__all__ = ["against", "answered", "ratio", "sends", "span"]

MOST = 1_000_000


def answered(n: int, x: int) -> str:
    """As in 12 of 4,000."""
    return f"{x:,} of {n:,}"


def against(log_e: float) -> str:
    """As in 990 to 1 against: the e-value is what a fair bet on "worse than allowed" would have paid."""
    if log_e > log(MOST):
        return f"over {MOST:,} to 1 against"
    return f"{exp(log_e):,.0f} to 1 against"


def sends(share: Share, candidate: str) -> str:
    """Why a step does not pass whose router strays from its split."""
    seen = say_observed(share.candidate, share.requests)
    return (
        f"{share.router} was told {share.weight} % and sends {seen} of {share.requests:,} requests to {candidate}: a rule of "
        "its own or a server that it takes for dead decides there; mend that, or say router.sticky: true if users stay by design"
    )


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
