"""What does this machine's journal say of earlier releases here, and may it be believed?"""

from typing import TYPE_CHECKING

from releaser.core.plan import Undo
from releaser.errors import RefusedError
from releaser.store.sqlite import SqliteJournal

if TYPE_CHECKING:
    from releaser.engine.observe import Observed

__all__ = ["check_journal", "measured_undo"]

VERIFIED = 10_000
"""Rows whose chain is walked before each plan: 0.1 s. Older ones are checked when they are read, and by `journal verify`."""
LOOKED_AT = 10
"""Rollouts that are searched for a measured way back."""


def measured_undo(journal: SqliteJournal, environment: str) -> Undo | None:
    """How long the way back took the last time it was rehearsed or walked here."""
    for summary in journal.rollouts(environment, limit=LOOKED_AT):
        measured = [(event["seconds"], wall) for wall, event in journal.said(summary.rollout, "Rehearsed")]
        if measured:
            seconds, wall = max(measured)
            return Undo(seconds, wall, warm=True)
    return None


def check_journal(journal: SqliteJournal, observed: "Observed") -> None:
    """Nothing goes forward on a journal that was edited, cut or is not the one that a ledger vouches for."""
    problems = journal.verify(last=VERIFIED)
    for ledger in observed.ledgers.values():
        if ledger.journal is not None:
            journal.check_against(*ledger.journal)
    if problems:
        raise RefusedError(
            f"the journal {journal.path} is damaged: {problems[0]}",
            code="journal",
            fix=("releaser journal verify", "releaser journal restore FILE"),
        )
