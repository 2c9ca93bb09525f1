"""What will each step be able to see? Before a release runs: the smallest regression, and the time that a good version needs.

Information per candidate request over the needed evidence gives the requests; its variance turns "half of the time" into 95 %.
"""

from dataclasses import dataclass
from math import ceil, log, sqrt

from releaser.core.analysis.errors_bad import DELAYED, PRIOR, RATIOS
from releaser.core.analysis.errors_good import least_favourable
from releaser.core.analysis.evidence import tolerance
from releaser.core.analysis.wording import ratio, span
from releaser.core.plan import Plan

__all__ = ["Need", "Sight", "good_need", "regression_need", "sees"]

Z95 = 1.645


@dataclass(frozen=True, slots=True)
class Need:
    """Candidate requests until the verdict, in half and in 95 % of releases."""

    n50: float
    n95: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What one step sees at the given traffic. Seconds and ratios; None: never, or unknown without traffic."""

    weight: int
    eps: float
    good_seconds: float | None
    """How long a good version typically stays: the evidence, and at least the step's own time."""
    smallest: float | None
    """The smallest ratio of error rates that is seen in 95 % of releases while a good version would stay."""
    smallest_seconds: float | None
    """Within which it is seen."""
    text: str


def regression_need(ratio_true: float, *, weight: float, base: float, alpha: float, rho0: float = 1.0) -> Need | None:
    """Requests to the candidate until errors `ratio_true` times stable's are judged bad; None: never.

    `weight` is the candidate's share (0.05), `base` stable's error rate. The nearest bet that is not above the ratio decides.
    """
    bets = {r: stake for r, stake in zip(RATIOS, PRIOR, strict=True) if r > rho0}
    bet = max((r for r in bets if r <= ratio_true), default=None)
    if bet is None:
        return None
    others = (1 - weight) / weight
    b = log((weight * bet + 1 - weight) / (weight * rho0 + 1 - weight))
    a = log(bet / rho0) - b
    information = base * (ratio_true * a - others * b)
    variance = base * (ratio_true * a * a + others * b * b)
    stake = bets[bet] / sum(bets.values())
    return _need(log(1 / alpha) - log(stake) - log(1 - DELAYED), information, variance)


def good_need(*, weight: float, base: float, eps: float, beta: float) -> Need | None:
    """Requests to the candidate until a version exactly as good as stable passes at tolerance `eps`; None: never."""
    p = least_favourable(weight, base, eps)
    candidate, stable = log(base / (p + eps)), log(base / p)
    others = (1 - weight) / weight
    information = base * candidate - (base - p - eps) + others * (base * stable - (base - p))
    variance = base * candidate * candidate + others * base * stable * stable
    return _need(log(1 / beta), information, variance)


def sees(plan: Plan, step: int, rate: float, base: float) -> Sight:
    """Step `step` of `plan` at `rate` requests/s over its wave's routers and stable's error rate `base`, 0 < base < 1.

    A rate that was counted as x errors in n requests is best given as (x + 1/2) / (n + 1), which is never 0.
    """
    rule, one = plan.judging, plan.steps[step]
    eps = tolerance(plan, step)
    if not rule.errors or plan.first:
        return _blind(one.weight, eps, "health probes alone decide; errors are not compared")
    if one.weight == 100:
        return _blind(100, eps, "nothing runs beside it: it is measured against what stable did in the steps before")
    if rule.absolute is not None:
        return _blind(one.weight, eps, f"no comparison, only the fixed ceiling of {rule.absolute:.2%}")
    if rate <= 0 or not 0 < base < 1:
        return _blind(one.weight, eps, "what it sees is unknown: no traffic has been counted yet")
    share = one.weight / 100
    good = good_need(weight=share, base=base, eps=eps, beta=rule.beta)
    shortest = max(one.at_least, 2 * plan.poll)
    stays = None if good is None else max(shortest, _polls(good.n50 / (share * rate), plan.poll))
    within = min(stays or plan.budget.step, plan.budget.step)
    outage = 1 / base
    for regression in (*(r for r in RATIOS if r < outage), outage):
        need = regression_need(regression, weight=share, base=base, alpha=rule.alpha, rho0=rule.not_worse_than)
        if need is not None and (seconds := need.n95 / (share * rate)) <= within:
            said = "an outage" if regression == outage else f"{ratio(regression)} the errors of stable"
            sight = f"sees {said} within {span(_polls(seconds, plan.poll))}"
            return Sight(one.weight, eps, stays, regression, seconds, _text(plan, step, stays, sight))
    return Sight(one.weight, eps, stays, None, None, _text(plan, step, stays, "sees no regression in that time"))


def _need(evidence: float, information: float, variance: float) -> Need | None:
    """Until a walk with this drift and variance per request is over `evidence`."""
    if information <= 0:
        return None
    z = Z95 * sqrt(variance)
    root = (z + sqrt(z * z + 4 * information * evidence)) / (2 * information)
    return Need(evidence / information, root * root)


def _polls(seconds: float, poll: float) -> float:
    return ceil(seconds / poll) * poll


def _blind(weight: int, eps: float, why: str) -> Sight:
    return Sight(weight, eps, None, None, None, f"{weight} %: {why}")


def _text(plan: Plan, step: int, stays: float | None, sight: str) -> str:
    good = f"never passes within {span(plan.budget.step)}"
    if stays is not None and stays <= plan.budget.step:
        good = f"stays about {span(stays)}"
    return f"{plan.steps[step].weight} %: a good version {good}; the judge {sight}"
