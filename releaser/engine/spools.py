"""Where a rollback's events wait when the journal does not take them, and how they get back into it later.

One file a rollout, beside the journal, its room taken before the first forward effect: a full disk stops no rollback.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from releaser.errors import JournalUnavailableError
from releaser.store.absent import AbsentJournal
from releaser.store.spool import Spool
from releaser.store.sqlite import SqliteJournal

__all__ = ["spool_for", "write_back"]


@contextmanager
def spool_for(journal: SqliteJournal | AbsentJournal, rollout: str, *, required: bool) -> Iterator[Spool | None]:
    """Room for one rollout's events; removed afterwards if nothing waits in it.

    `required` (the way forward) raises JournalUnavailableError where there is no room; the way back does without.
    """
    folder = journal.path.with_name("spool")
    spool = Spool(folder / f"{rollout}.spool")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        spool.reserve()
    except (OSError, JournalUnavailableError) as error:
        if required:
            raise JournalUnavailableError(
                f"there is no room for a rollback's events in {folder}: {error}",
                fix=("free some disk there",),
                code="disk",
            ) from error
        yield None
        return
    try:
        yield spool
    finally:
        _remove_if_empty(spool)


def write_back(journal: SqliteJournal) -> int:
    """Append what earlier processes could not; how many events. The file of a rollout that may still run stays."""
    written = 0
    for path in sorted(journal.path.with_name("spool").glob("*.spool")):
        spool = Spool(path)
        with suppress(JournalUnavailableError):
            if waiting := spool.drain():
                journal.append(waiting, patience=5.0)
                written += len(waiting)
                spool.clear()
            known = journal.rollout(path.stem)
            if known is None or known.outcome is not None:
                _remove_if_empty(spool)
    return written


def _remove_if_empty(spool: Spool) -> None:
    try:
        waiting = len(spool.drain())
    except JournalUnavailableError:
        return
    spool.close()
    if not waiting:
        spool.path.unlink(missing_ok=True)
