"""How is a release that this process drives shown while it runs, and answered when it is over?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from releaser.cli.answer import of_rollout
from releaser.cli.exits import Family
from releaser.cli.follow import Following
from releaser.cli.narrate import JsonLines, Narrator, Silent, StoryLines, Teller, said_once
from releaser.cli.run import Reply, Run
from releaser.cli.views.ending import ending_lines
from releaser.core.events import Entry
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome

if TYPE_CHECKING:
    from releaser.engine.session import Session, Show

__all__ = ["carried", "ended", "narrated", "teller_of"]

Past = Callable[[str], Sequence[Entry]]


def teller_of(run: Run, *, live: bool = True) -> Teller:
    """One document: nothing before it. A line an event: as it comes. A terminal: the live view. Else: a line an event."""
    if run.options.output == "jsonl":
        return JsonLines(run)
    if run.machine:
        return Silent()
    if live and run.screen.is_terminal(run.screen.err_stream):
        from releaser.cli.live import LiveView

        return LiveView(run)
    return StoryLines(run)


@contextmanager
def narrated(
    run: Run, past: Past, *, live: bool = True, orders: Callable[[], Sequence[object]] = tuple
) -> Iterator[Narrator]:
    """What is told inside is shown; afterwards the screen is free again."""
    narrator = Narrator(teller_of(run, live=live), Following(past, orders), said_once(run.screen))
    try:
        yield narrator
    finally:
        narrator.close()


def carried(
    run: Run, session: "Session", work: Callable[["Show"], Rollout], family: Family, *, live: bool = True
) -> Reply:
    """Drive one release with `work`, and answer how it ended."""
    from releaser.engine.session import Show

    with narrated(run, session.past, live=live, orders=session.wiring.progress.under_way) as narrator:
        rollout = work(Show((narrator,), notice=narrator.say))
    return ended(run, narrator.following, rollout, family)


def ended(run: Run, following: Following, rollout: Rollout, family: Family) -> Reply:
    wall = following.last.moment.wall if following.last else run.now()
    answer = of_rollout(rollout, family, wall=wall)
    more: dict[str, Any] = {"missing": _missing(rollout), "cut": dict(rollout.cut)}
    if rollout.outcome is Outcome.INCOMPLETE:
        more["unknown"] = sorted(rollout.astray())
    return Reply(answer, {key: said for key, said in more.items() if said}, tuple(ending_lines(rollout, answer)))


def _missing(rollout: Rollout) -> list[dict[str, str]]:
    """The hosts that went without the release, as the fleet allows it."""
    return [
        {"target": target, "host": one.host, "how": one.how, "why": one.why}
        for target, missing in sorted(rollout.missing.items())
        for one in missing
    ]
