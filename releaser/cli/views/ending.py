"""How did it end? The last lines of a release or a way back: what answers now, the figures, what is left to do."""

from releaser.cli.answer import Answer
from releaser.cli.lines import Line, line, row
from releaser.cli.render import day_time
from releaser.cli.views.evidence import error_rate
from releaser.cli.views.latency import latency_lines, most
from releaser.cli.views.names import names_of
from releaser.cli.views.release import word_of
from releaser.core.absent import say_missing
from releaser.core.phrases import callings, say_seconds, say_split
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome

__all__ = ["ending_lines", "request_lines"]


def ending_lines(r: Rollout, answer: Answer) -> list[Line]:
    """For a rollback as for a promotion; a line says only what is known."""
    candidate, stable = names_of(r.plan)
    lines = [
        line((r.plan.environment, "strong"), "  ", word_of(r), f"  {_moved(r, candidate, stable)}: {answer.message}")
    ]
    lines += _way_back(r, answer) if r.turned or r.plan.kind == "rollback" else _forward(r, answer)
    lines += [
        row("without", (f"{target}: {say_missing(missing)}", "warn"))
        for target, missing in sorted(r.missing.items())
        if missing
    ]
    lines += _cut(r)
    lines += _routers(r)
    lines += request_lines(r, candidate, stable)
    if answer.outcome in (Outcome.ROLLED_BACK, Outcome.INCOMPLETE) and r.back_at is not None:
        undone = ", ".join(r.plan.undo.not_reversed)
        lines.append(row("not undone", (undone, "warn") if undone else "nothing: the old release is as it was"))
    if answer.frozen:
        until = day_time(answer.frozen.until) if answer.frozen.until else "somebody lifts it"
        lines.append(row("frozen", f"by {answer.frozen.by} until {until}"))
    return lines + [row("next", (fix, "strong")) for fix in answer.fix]


def _moved(r: Rollout, candidate: str, stable: str) -> str:
    if r.plan.kind == "rollback":
        return f"{stable} -> {candidate}" if stable else candidate
    return f"{candidate} in place of {stable}" if stable else f"{candidate}, the first release"


def _forward(r: Rollout, answer: Answer) -> list[Line]:
    return [row("took", say_seconds(answer.seconds))] if answer.seconds and r.finished else []


def _way_back(r: Rollout, answer: Answer) -> list[Line]:
    seconds = r.finished.seconds_to_stable if r.finished else None
    if seconds is None or (r.lost and not r.seen):  # whoever took the routers knows how long it took
        return []
    rehearsed = max(r.rehearsed.values(), default=r.plan.undo.seconds)
    known = f", rehearsed {say_seconds(rehearsed)}" if rehearsed is not None else ""
    over = seconds > r.plan.budget.rollback
    budget = f" of the budget of {say_seconds(r.plan.budget.rollback)}{known}"
    return [row("back in", (say_seconds(seconds), "bad" if over else "good"), budget)]


def _cut(r: Rollout) -> list[Line]:
    """What users had begun with the release that was taken back, and could not end in time."""
    after = say_seconds(r.plan.cut_after or 0.0)
    many = {name: f"{count} connection{'s' * (count != 1)}" for name, count in sorted(r.cut.items()) if count}
    return [row("cut", (f"{said} on {name}", "warn"), f", {after} after the way back") for name, said in many.items()]


def _routers(r: Rollout) -> list[Line]:
    """What each router was read back to serve."""
    call = callings(r.plan)
    lines = [row("serves", f"{name}: {say_split(split, call)}") for name, split in sorted(r.seen.items())]
    lines += [
        row("serves", f"{name}: ", ("not ours to write any more", "warn")) for name in sorted(r.lost - set(r.seen))
    ]
    if r.outcome is Outcome.INCOMPLETE:
        lines += [row("serves", f"{name}: ", ("not known, it did not answer", "bad")) for name in sorted(r.astray())]
    return lines


def request_lines(r: Rollout, candidate: str, stable: str) -> list[Line]:
    """What the judge last saw of both versions' requests; nothing where it never judged."""
    if r.judged is None:
        return []
    figures = r.judged.figures
    beside = f"   {stable} {error_rate(figures.stable)}" if stable else ""
    why = most(figures.candidate)
    errors = row("errors", f"{candidate} {error_rate(figures.candidate)}", beside, f"   {why}" if why else "")
    return [errors, *latency_lines(figures, candidate, stable)]
