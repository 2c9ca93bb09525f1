"""How are several releases followed at once? By this machine's journal, a line an event with its environment in front."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from releaser.cli.attach import DEAD, POLL, QUIET, concluded, news
from releaser.cli.follow import Following
from releaser.cli.lines import Line, line
from releaser.cli.narrate import HEARTBEAT, entry_json
from releaser.cli.render import clock_time
from releaser.cli.run import Reply, Run
from releaser.core.events import Entry

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Watched", "watch_together"]

OVER = "the time to watch is over; the release goes on"
STOPPED = "you stopped watching; the release goes on"


@dataclass(slots=True)
class Watched:
    """One release of those that are followed."""

    session: "Session"
    rollout: str
    following: Following = field(default_factory=Following)
    heard: float = 0.0
    why: str = ""
    """Why it is not followed any more, before its end."""

    @property
    def over(self) -> bool:
        state = self.following.rollout
        return bool(self.why) or (state is not None and state.finished is not None)


def watch_together(run: Run, sessions: Sequence["Session"]) -> Reply | None:
    """Until all are over, this command's patience ends, or their processes are found dead. The worst ending is the answer.

    None: none of them runs any more.
    """
    found = [(session, session.running()) for session in sessions]
    watched = [Watched(session, one.rollout, heard=run.now()) for session, one in found if one]
    if not watched:
        return None
    deadline = None if run.options.timeout is None else run.now() + run.options.timeout
    try:
        beat = run.now()
        while not all(one.over for one in watched):
            if deadline is not None and run.now() >= deadline:
                _leave(watched, OVER)
                break
            for one in watched:
                if not one.over:
                    _look(run, one)
            if run.now() - max(beat, *(one.heard for one in watched)) >= HEARTBEAT:
                beat = run.now()
                _alive(run, watched)
            run.pause(POLL)
    except KeyboardInterrupt:
        _leave(watched, STOPPED)
    replies = [concluded(run, one.session, one.rollout, one.following, one.why, "forward") for one in watched]
    worst = max(replies, key=lambda reply: reply.answer.exit)
    lines: list[Line] = [part for reply in replies for part in (*reply.lines, line(""))]
    return Reply(worst.answer, {"watched": [reply.answer.document() for reply in replies]}, tuple(lines[:-1]))


def _leave(watched: Sequence[Watched], why: str) -> None:
    for one in watched:
        if not one.over:
            one.why = why


def _look(run: Run, one: Watched) -> None:
    state = one.following.rollout
    for entry in news(one.session, one.rollout, state.seq if state else -1):
        one.following.take(entry)
        one.heard = run.now()
        _tell(run, one, entry)
    if run.now() - one.heard > QUIET:
        if any(summary.rollout == one.rollout for summary in one.session.abandoned()):
            one.why = DEAD
        one.heard = run.now()


def _alive(run: Run, watched: Sequence[Watched]) -> None:
    """A log in which nothing happens looks dead."""
    for one in watched:
        state = one.following.rollout
        if state is not None and not one.over:
            run.note(line(clock_time(run.now()), "  ", (one.session.name, "strong"), f"  still {state.phase}"))


def _tell(run: Run, one: Watched, entry: Entry) -> None:
    sentence = one.following.sentence(entry)
    if run.options.output == "jsonl":
        run.screen.text(entry_json(entry, sentence))
    elif one.following.news or run.options.verbose:
        run.note(line(clock_time(entry.moment.wall), "  ", (one.session.name, "strong"), f"  {sentence}"))
