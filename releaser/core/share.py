"""Does a router send the share that it was told? By requests: its configuration cannot say what a rule beside the split does.

The test is a bet that pays at any time (a mixture over all shares against the one that is asked about; Robbins 1970, with the prior
of Krichevsky and Trofimov): looked at after every request for ever, it is wrong about a share that was told in one of 1/ALPHA cases.
Smooth weighted round robin strays less than chance does, so for such routers it is wrong less often.
"""

from functools import cache
from math import inf, lgamma, log, log1p, pi

from releaser.core.values import Agreement

__all__ = ["ALPHA", "agreement", "allowed", "interval", "say_observed"]

ALPHA = 1e-6
ENOUGH = -log(ALPHA)
LEAST = 0.02
"""A share may always stray so far: two points."""
PART = 0.25
"""And by this part of itself, or of the rest where that is smaller: retries, clients that keep a connection, rounded weights."""
HALVINGS = 16
"""Of an interval of shares: to within two thousandths of a point."""


@cache
def allowed(weight: int) -> tuple[float, float]:
    """From where to where a router that was told `weight` percent does as it was told; fractions of 1."""
    told = weight / 100
    stray = max(LEAST, PART * min(told, 1 - told))
    return max(0.0, told - stray), min(1.0, told + stray)


def agreement(candidate: int, requests: int, weight: int) -> Agreement:
    """What `candidate` of `requests` say of a router that was told `weight` percent; 0 <= candidate <= requests. O(1)."""
    low, high = allowed(weight)
    above = low <= 0 or _excludes(candidate, requests, low)
    below = high >= 1 or _excludes(candidate, requests, high)
    if low * requests <= candidate <= high * requests:
        return Agreement.AGREES if above and below and requests else Agreement.OPEN
    return Agreement.DISAGREES if (above if candidate < low * requests else below) else Agreement.OPEN


def interval(candidate: int, requests: int) -> tuple[float, float]:
    """The shares that these requests do not speak against; fractions of 1. All of them where there were no requests."""
    if not requests:
        return 0.0, 1.0
    seen = candidate / requests
    return _edge(candidate, requests, 0.0, seen), _edge(candidate, requests, 1.0, seen)


def say_observed(candidate: int, requests: int) -> str:
    """As in 22.0 % (20.0-24.1), of one request or more: what they show, and the shares that they do not speak against."""
    low, high = interval(candidate, requests)
    return f"{100 * candidate / requests:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def _edge(candidate: int, requests: int, out: float, seen: float) -> float:
    """Between `out`, which may be excluded, and `seen`, which never is."""
    mixed = _mixed(candidate, requests)
    if mixed - _likelihood(candidate, requests, out) < ENOUGH:
        return out
    inside = seen
    for _ in range(HALVINGS):
        middle = (out + inside) / 2
        if mixed - _likelihood(candidate, requests, middle) >= ENOUGH:
            out = middle
        else:
            inside = middle
    return inside


def _excludes(candidate: int, requests: int, share: float) -> bool:
    """Whether a bet on "another share than this one" has paid enough."""
    return _mixed(candidate, requests) - _likelihood(candidate, requests, share) >= ENOUGH


def _mixed(k: int, n: int) -> float:
    """The logarithm of how likely k of n in a given order are, mixed over all shares."""
    return lgamma(k + 0.5) + lgamma(n - k + 0.5) - lgamma(n + 1) - log(pi)


def _likelihood(k: int, n: int, share: float) -> float:
    """The logarithm of how likely they are by this share."""
    if (k and share <= 0) or (k < n and share >= 1):
        return -inf
    return (k * log(share) if k else 0.0) + ((n - k) * log1p(-share) if k < n else 0.0)
