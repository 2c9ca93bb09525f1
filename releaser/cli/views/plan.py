"""What will promote do? Steps, times, what each step can see, and the way back with its measured time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from releaser.cli.lines import KEYS, Line, aligned, line, row
from releaser.cli.plan_file import Sees
from releaser.cli.render import day_time
from releaser.cli.views.latency import untimed_lines
from releaser.cli.views.names import names_of
from releaser.cli.views.secrets import secret_lines
from releaser.config.environment import Environment
from releaser.core.codec import plan_digest
from releaser.core.phrases import say_seconds
from releaser.core.plan import Plan, Step

if TYPE_CHECKING:
    from releaser.engine.resolve import Resolved

__all__ = ["plan_lines", "plan_screen", "refusal_lines"]


def plan_screen(plan: Plan, sights: Sequence[Sees], environment: Environment, secrets: "Resolved") -> list[Line]:
    """All that is shown of a plan, by `plan` and before a release begins alike."""
    return [
        *plan_lines(plan, sights, plan_digest(plan)),
        *secret_lines(environment, secrets.versions, secrets.concerns),
        *untimed_lines(environment),
    ]


def plan_lines(plan: Plan, sights: Sequence[Sees], digest: str) -> list[Line]:
    candidate, stable = names_of(plan)
    instead = f" in place of {stable}" if stable else ", the first release here"
    lines = [
        line((plan.environment, "strong"), "  ", (f"{candidate}{instead}", "strong"), f"  playbook {plan.playbook}"),
    ]
    if plan.judging.absolute is not None:
        said = f"no comparison: stable is said to be down; bad above {plan.judging.absolute:.1%} errors"
        lines.append(row("judged by", (said, "bad")))
    rows = [_step(plan, index, step, sights) for index, step in enumerate(plan.steps)]
    lines += aligned(rows)
    if not plan.first:
        lines.append(
            row(
                "then",
                f"bake for {say_seconds(plan.bake)}, commit, keep {stable} warm for {say_seconds(plan.keep_warm)}",
            )
        )
    lines.append(row("way back", *_way_back(plan, stable)))
    if plan.undo.not_reversed:
        lines.append(row("not undone", (", ".join(plan.undo.not_reversed), "warn")))
    if not plan.first:
        lines.append(row("if we die", f"each router goes back by itself within {say_seconds(plan.budget.deadman + 1)}"))
    if plan.unfreeze:
        lines.append(row("freeze", ("is lifted for this release", "warn")))
    lines.append(row("plan", digest[:16]))
    return lines


def _step(plan: Plan, index: int, step: Step, sights: Sequence[Sees]) -> tuple[Line, ...]:
    waves = {one.wave for one in plan.steps}
    wave = f" wave {step.wave + 1}" if len(waves) > 1 else ""
    if plan.first:
        return (
            line(f"step {index + 1}".ljust(KEYS - 2)),
            line(f"{step.weight} %{wave}"),
            line("one shift after the probes; nothing to compare with"),
        )
    said = (
        _without_weight(sights[index].text)
        if index < len(sights)
        else f"{_at_least(step)}at most {say_seconds(plan.budget.step)}"
    )
    asks = f"; then waits for {step.approve.by}" if step.approve else ""
    return line(f"step {index + 1}".ljust(KEYS - 2)), line(f"{step.weight} %{wave}"), line(f"{said}{asks}")


def _at_least(step: Step) -> str:
    return f"at least {say_seconds(step.at_least)}, " if step.at_least else ""


def _without_weight(text: str) -> str:
    """The planner begins with the weight, which stands in a column of its own here."""
    return text.partition(" %: ")[2] or text


def _way_back(plan: Plan, stable: str) -> list[Any]:
    if plan.first:
        return [("no way back: first release", "warn")]
    budget = f"{say_seconds(plan.budget.rollback)} at most"
    warm = "warm" if plan.undo.warm else "cold: it must be started first"
    if plan.undo.seconds is None:
        return [f"{stable}, {warm}; {budget}, rehearsed before the first shift"]
    when = f" on {day_time(plan.undo.measured_at)}" if plan.undo.measured_at else ""
    return [f"{stable}, {warm}; measured {say_seconds(plan.undo.seconds)}{when}, {budget}"]


def refusal_lines(environment: str, version: str, refusals: Sequence[Any]) -> list[Line]:
    """Each reason with its remedies."""
    lines = [line((environment, "strong"), "  ", ("REFUSED", "bad"), f"  {version}: nothing was changed")]
    for refusal in refusals:
        lines.append(line(f"{refusal.code}: ", refusal.why))
        lines += [line("  try: ", (fix, "strong")) for fix in refusal.fix]
    return lines
