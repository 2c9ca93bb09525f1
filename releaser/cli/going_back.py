"""How does a person's rollback go: where to, what if there is nothing to do, and what is said of it?"""

from typing import TYPE_CHECKING

from releaser.cli.answer import done, of_refusals
from releaser.cli.carry import carried
from releaser.cli.lines import Line, aligned, line
from releaser.cli.run import Reply, Run
from releaser.cli.views.plan import refusal_lines
from releaser.config.observed import Refusals, Unchanged
from releaser.core.phrases import say_seconds
from releaser.errors import PortError, RefusedError

if TYPE_CHECKING:
    from releaser.config.compile_back import Choice
    from releaser.engine.session import Session

__all__ = ["choices_of", "go_back"]


def go_back(
    run: Run,
    session: "Session",
    *,
    to: str | None,
    mark_bad: bool,
    freeze: float | None = None,
    calling_off: bool = False,
) -> Reply:
    plan = session.plan_rollback(to=to, mark_bad=mark_bad, freeze=freeze, calling_off=calling_off)
    if isinstance(plan, Unchanged):
        return Reply(done(session.name, f"{plan.why}{_when(run, session)}", release=plan.release, fix=plan.fix))
    if isinstance(plan, Refusals):
        lines = tuple(refusal_lines(session.name, to or "rollback", plan.items))
        return Reply(of_refusals(session.name, plan.items, version=to), lines=lines)
    return carried(
        run, session, lambda show: session.drive(plan, reason=run.options.reason, show=show), "back", live=False
    )


def _when(run: Run, session: "Session") -> str:
    """When and by whom the last release was taken back, where this machine's journal knows."""
    try:
        last = next(iter(session.journal.rollouts(session.name, limit=1)), None)
    except (PortError, RefusedError):
        return ""
    if last is None or last.outcome != "rolled_back" or last.finished is None:
        return ""
    return f", rolled back {say_seconds(max(0.0, run.now() - last.finished))} ago by {last.by}"


def choices_of(session: "Session") -> Reply:
    found = session.choices()
    data = [
        {"release": one.release, "warm": one.warm, "current": one.current, "bad": one.bad, "possible": _possible(one)}
        for one in found
    ]
    rows = [_row(one) for one in found]
    lines = aligned(rows) if rows else [line("no good release is known here; the first promote makes one")]
    answer = done(session.name, f"{sum(map(_possible, found))} releases to go back to")
    return Reply(answer, {"choices": data}, tuple(lines))


def _possible(choice: "Choice") -> bool:
    return not choice.current and choice.bad is None


def _row(choice: "Choice") -> tuple[Line, ...]:
    slot = "warm: seconds" if choice.warm else "cold: it is started first"
    if choice.current:
        return line((choice.release, "strong")), line("runs now"), line("")
    if choice.bad is not None:
        return line(choice.release), line(("bad", "bad")), line(f"taken back: {choice.bad}")
    return line(choice.release), line("good"), line(slot)
