"""How is the journal of this machine opened to be read, without an environment?"""

from collections.abc import Mapping, Sequence

from releaser.engine.places import journal_path
from releaser.errors import UsageError
from releaser.store.sqlite import SqliteJournal
from releaser.store.summaries import Summary

__all__ = ["found", "opened"]

MOST = 1000


def opened(environ: Mapping[str, str]) -> SqliteJournal:
    return SqliteJournal(journal_path(environ))


def found(journal: SqliteJournal, wanted: str, environment: str | None) -> Summary:
    """The rollout of this name, or the latest one of this release or version. Raises UsageError."""
    exact = journal.rollout(wanted)
    if exact is not None:
        return exact
    known: Sequence[Summary] = journal.rollouts(environment, MOST)
    match = next((one for one in known if wanted in (one.release, one.version)), None)
    if match is None:
        raise UsageError(
            f"the journal of this machine has no release {wanted[:80]!r}", fix=("releaser history",), code="unknown"
        )
    return match
