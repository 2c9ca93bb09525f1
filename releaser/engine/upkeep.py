"""How does what is done beside releases, by `recover` and `adopt`, reach the journal? As a rollout that no loop drives.

It has a plan, an intent before each order, what came of it, and an end; history shows it, and no release is compared with it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from releaser.core import events as e
from releaser.core.commands import Command
from releaser.core.plan import Plan, RouterRef, TargetRef
from releaser.core.values import Binding, Outcome, Release
from releaser.engine.recorder import Recorder
from releaser.engine.spools import spool_for
from releaser.errors import JournalUnavailableError, ReleaserError
from releaser.ports import World
from releaser.store.absent import AbsentJournal
from releaser.store.summaries import RELEASES

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Log", "end_the_dead", "logged", "upkeep_plan"]

CUT_OFF = "its process ended before it did"


@dataclass(slots=True)
class Log:
    """The entries of one such rollout. Of one thread: say what many threads do before and after them."""

    recorder: Recorder
    session: "Session"
    rollout: str
    urgent: bool
    """Goes on where the journal takes nothing, as a way back does; else JournalUnavailableError is raised."""
    seq: int = 0
    ended: bool = False

    def intend(self, *commands: Command) -> None:
        """Before they are done."""
        self.say(*(e.Issued(command, 1) for command in commands))

    def say(self, *events: e.Event) -> None:
        moment = self.session.clock.moment()
        entries = [e.Entry(self.rollout, self.seq + index, moment, event) for index, event in enumerate(events)]
        self.seq += len(entries)
        if not self.recorder.append(entries, urgent=self.urgent) and not self.urgent:
            raise JournalUnavailableError(
                "the journal takes no events: disk full or locked", code="journal-unavailable"
            )

    def end(self, outcome: Outcome, why: str) -> None:
        self.ended = True
        self.say(e.Finished(outcome, why))


def upkeep_plan(
    kind: Literal["recover", "adopt"], environment: str, release: Release, binding: Binding, world: World
) -> Plan:
    """All that `release` has to do with here: every host and every router."""
    targets = tuple(TargetRef(name) for name in sorted(world.targets))
    routers = tuple(RouterRef(name, name.partition("/")[0]) for name in sorted(world.sites))
    return Plan(kind, environment, release, None, binding, targets, routers, playbook=kind)


@contextmanager
def logged(session: "Session", rollout: str, plan: Plan, *, urgent: bool) -> Iterator[Log]:
    """A new rollout in this machine's journal; whoever leaves without an end is ended here, an error with its reason."""
    journal = session.journal_or_none if urgent else session.journal
    with spool_for(journal, rollout, required=False) as spool:
        log = Log(Recorder(journal, spool), session, rollout, urgent)
        log.say(e.Opened(plan, session.by))
        try:
            yield log
        except ReleaserError as error:
            log.end(Outcome.ERROR, error.message)
            raise
        finally:
            if not log.ended:
                log.end(Outcome.INCOMPLETE, CUT_OFF)
            log.recorder.flush()


def end_the_dead(session: "Session", alive: Collection[str]) -> None:
    """Those of earlier processes that nobody ended; not the rollouts that hold a router.

    An open rollout would keep all that follows it from being pruned.
    """
    journal = session.journal_or_none
    if isinstance(journal, AbsentJournal):
        return
    for summary in journal.open_rollouts(session.name, upkeep=True):
        if summary.kind not in RELEASES and summary.rollout not in alive:
            ended = e.Finished(Outcome.INCOMPLETE, CUT_OFF)
            entry = e.Entry(summary.rollout, summary.last_seq + 1, session.clock.moment(), ended)
            Recorder(journal).append((entry,), urgent=True)
