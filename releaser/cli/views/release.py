"""What does a person see who watches a release? Its steps, what users get, the evidence, the time left, the last of the story."""

import math

from releaser.cli.follow import Following
from releaser.cli.lines import Line, Span, Style, line, row
from releaser.cli.render import clock_time
from releaser.cli.views.evidence import evidence_lines
from releaser.cli.views.names import names_of
from releaser.cli.views.shares import candidate_share, strays
from releaser.core.limits import phase_limit
from releaser.core.phrases import callings, say_seconds, say_split
from releaser.core.rollout import BACKWARD, Phase, Rollout
from releaser.core.values import Outcome

__all__ = ["heading", "limit_left", "release_lines", "steps_line", "traffic_line", "word_of"]

WORDS = {
    Phase.ACQUIRING: "TAKING THE ROUTERS",
    Phase.PLACING: "PLACING",
    Phase.STARTING: "STARTING",
    Phase.PROVING: "PROBING",
    Phase.REHEARSING: "REHEARSING THE WAY BACK",
    Phase.ARMING: "ARMING",
    Phase.COMMITTING: "COMMITTING",
    Phase.BAKING: "BAKING",
    Phase.LOOKING: "LOOKING",
}
UPKEEP = {"recover": "RECOVERING", "adopt": "ADOPTING"}
ENDS: dict[Outcome, tuple[str, Style]] = {
    Outcome.PROMOTED: ("PROMOTED", "good"),
    Outcome.ROLLED_BACK: ("ROLLED BACK", "warn"),
    Outcome.INCOMPLETE: ("INCOMPLETE", "bad"),
    Outcome.REFUSED: ("REFUSED", "bad"),
    Outcome.CANCELLED: ("CANCELLED", "warn"),
}


def word_of(r: Rollout) -> tuple[str, Style]:
    """What it does now, in capitals: the first thing that is read."""
    if r.finished:
        return ENDS.get(r.finished.outcome, (str(r.finished.outcome).upper(), "bad"))
    if r.phase in BACKWARD or r.turned:
        return "GOING BACK", "bad"
    if r.held:
        return "HELD", "bad"
    if r.paused:
        return "PAUSED", "warn"
    if r.asked_approval is not None:
        return "WAITING FOR APPROVAL", "warn"
    return UPKEEP.get(r.plan.kind) or WORDS.get(r.phase, "RELEASING"), "strong"


def heading(r: Rollout) -> Line:
    candidate, stable = names_of(r.plan)
    weight = f" {r.plan.steps[r.step].weight} %" if r.step >= 0 and not r.finished and not r.turned else ""
    instead = f" in place of {stable}" if stable else ", the first release"
    if r.plan.kind == "rollback":
        instead = f" from {stable}" if stable else ""
        candidate = f"to {candidate}"
    if r.plan.kind in UPKEEP:
        instead = ""
    return line((r.plan.environment, "strong"), "  ", word_of(r), f"{weight}  {candidate}{instead}  by {r.by}")


def steps_line(r: Rollout) -> Line:
    """[x] 1 %  [>] 5 %  [ ] 25 %  [ ] 100 %"""
    parts: list[tuple[str, Style]] = []
    for index, step in enumerate(r.plan.steps):
        here = index == r.step and not r.finished and not r.turned
        done = index < r.step or (index == r.step and r.outcome is Outcome.PROMOTED)
        mark, style = ("[>]", "strong") if here else ("[x]", "") if done else ("[ ]", "")
        asks = " (approval)" if step.approve else ""
        parts.append((f"{mark} {step.weight} %{asks}  ", style))  # type: ignore[arg-type]  # literals of Style
    return row("steps", *parts)


def traffic_line(following: Following) -> Line | None:
    """What is set on the routers, and what the requests show."""
    r = following.rollout
    if r is None or (not r.seen and not r.looked):
        return None
    call = callings(r.plan)
    shares = [say_split(split, call) for split in dict.fromkeys(r.seen.values())]
    share = candidate_share(r) if not r.turned else ""
    observed = f"   observed: {names_of(r.plan)[0]} {share}" if share else ""
    away = ", ".join(sorted(r.lost))
    differ: Span = ("   routers differ", "warn") if len(shares) > 1 else ("", "")
    gone = f"   not ours: {away}" if away else ""
    return row("traffic", "set: ", " | ".join(shares), observed, *strays(r), differ, gone)


def limit_left(following: Following, wall: float) -> float | None:
    """Seconds until the present phase's limit; None: a person's word is waited for, or there is none."""
    r = following.rollout
    if r is None or r.finished or r.paused or r.held or r.asked_approval is not None:
        return None
    left = r.since + r.credit + phase_limit(r.phase, r.plan) - following.time_at(wall)
    if r.phase in BACKWARD:
        left = r.turned_at + r.plan.budget.rollback - following.time_at(wall)
    return left if math.isfinite(left) else None


def release_lines(following: Following, wall: float) -> list[Line]:
    """The live view. Pure: the same entries and time give the same lines."""
    r = following.rollout
    if r is None:
        return [line("waiting for the first event")]
    lines = [heading(r)]
    if r.plan.kind == "promote":
        lines.append(steps_line(r))
    traffic = traffic_line(following)
    lines += [traffic] if traffic else []
    lines += evidence_lines(following, wall) if not r.turned else []
    lines += [row("hosts", str(order)) for order in following.orders()]
    lines.append(_times(following, r, wall))
    lines.append(line(""))
    lines += [line(clock_time(told.wall), "  ", told.text) for told in following.story]
    return lines


def _times(following: Following, r: Rollout, wall: float) -> Line:
    at = following.time_at(wall)
    parts = [f"{say_seconds(max(0.0, at - r.opened))} in all"]
    left = limit_left(following, wall)
    if r.asked_approval is not None and r.step >= 0 and (asked := r.plan.steps[r.step].approve):
        parts.append(f"waits for {asked.by} for {say_seconds(max(0.0, r.asked_approval + asked.within - at))} more")
    elif r.paused:
        parts.append(f"paused by {r.paused.by} for {say_seconds(max(0.0, r.paused_at + r.paused.at_most - at))} more")
    elif r.held:
        patience = max(0.0, r.held_at + r.plan.budget.release - at)
        parts.append(f"held until a person decides, for {say_seconds(patience)} more at most")
    elif left is not None and r.phase in BACKWARD:
        over = "over the budget" if left < 0 else f"{say_seconds(left)} left of the budget"
        parts.append(f"{over} of {say_seconds(r.plan.budget.rollback)}")
    elif left is not None:
        parts.append(f"this goes on for {say_seconds(max(0.0, left))} at most")
    if r.armed and not r.finished:
        parts.append(f"armed: back by itself {say_seconds(r.plan.budget.deadman)} after the last renewal")
    return row("time", "   ".join(parts))
