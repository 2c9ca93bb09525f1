"""What speaks for and against the candidate, in plain numbers?"""

from math import exp, log
from typing import TYPE_CHECKING

from releaser.cli.follow import Following
from releaser.cli.lines import Line, Style, row
from releaser.cli.views.latency import latency_lines, most
from releaser.cli.views.names import names_of
from releaser.core.phrases import say_seconds
from releaser.core.plan import Judging
from releaser.core.values import Counts, Verdict

if TYPE_CHECKING:
    from releaser.core.events import Figures

__all__ = ["error_rate", "evidence_lines", "odds", "soon"]

VERDICTS: dict[Verdict, Style] = {Verdict.GOOD: "good", Verdict.BAD: "bad", Verdict.NO_DATA: "warn"}


UNDECIDED = Verdict.INCONCLUSIVE


def error_rate(counts: Counts) -> str:
    """As in 3.1 % (71/2290)."""
    if not counts.completed:
        return "no requests yet"
    return f"{100 * counts.failed / counts.completed:.1f} % ({counts.failed}/{counts.completed})"


def odds(log_e: float) -> str:
    """What an e-value says as odds: 12 to 1. Below even it says nothing yet."""
    if log_e <= 0:
        return "none yet"
    if log_e > log(1e6):
        return "over 1,000,000 to 1"
    paid = round(exp(log_e), 1)
    return f"{paid:,.0f} to 1" if paid >= 10 else f"{paid:.1f} to 1"


def soon(following: Following, wall: float) -> str:
    """When the verdict will be bad if the evidence goes on growing as it did; empty where it does not.

    Evidence against a good version comes and goes: below half of what a verdict takes, a forecast would only frighten.
    """
    r, before = following.rollout, following.before
    if r is None or r.judged is None or before is None or r.held or r.passed or r.judged.verdict is not UNDECIDED:
        return ""
    enough = -log(r.plan.judging.alpha)
    seconds, grown = r.judged_at - before[0], r.judged.figures.log_bad - before[1].log_bad
    missing = enough - r.judged.figures.log_bad
    if seconds <= 0 or grown <= 0.05 or not 0 < missing <= enough / 2:
        return ""
    left = missing * seconds / grown - (following.time_at(wall) - r.judged_at)
    return f"verdict bad in about {say_seconds(max(1.0, left))}" if left < 600 else ""


def evidence_lines(following: Following, wall: float) -> list[Line]:
    r = following.rollout
    if r is None or r.step < 0:
        return []
    if r.judged is None:
        return [row("evidence", "nothing counted in this step yet")]
    figures, (candidate, stable) = r.judged.figures, names_of(r.plan)
    counted = f"{candidate} {error_rate(figures.candidate)}"
    beside = f"   {stable} {error_rate(figures.stable)}" if stable else ""
    why = most(figures.candidate)
    lines = [row("errors", counted, beside, f"   {why}" if why else "")]
    lines += latency_lines(figures, candidate, stable)
    if r.plan.judging.errors and r.plan.origin:
        lines.append(_weighed(figures, r.plan.judging, alone=r.plan.steps[r.step].weight == 100))
    verdict = r.judged.verdict
    said = soon(following, wall)
    lines.append(
        row("judge", (str(verdict), VERDICTS.get(verdict, "")), ": ", r.judged.why, f"   {said}" if said else "")
    )
    return lines


def _weighed(figures: "Figures", rule: Judging, *, alone: bool) -> Line:
    """At 100 % nothing runs beside the candidate: then time without bad news speaks for it, not a comparison."""
    against = f"against: {odds(figures.log_bad)}, bad at {odds(-log(rule.alpha))}"
    for_ = f"for: {odds(figures.log_good)}, enough at {odds(-log(rule.beta))}"
    return row("evidence", against, "" if alone else f"   {for_}")
