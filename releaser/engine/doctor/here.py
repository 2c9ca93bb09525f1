"""Does this machine have what a release needs of it: a playbook, secrets, a journal that can be believed?"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from releaser.config.kept import reboot_needs
from releaser.config.obstacles import GUARD_DELAY
from releaser.engine.doctor.finding import Finding, fail, ok, unknown, warn
from releaser.engine.places import journal_path
from releaser.errors import ConfigError, JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.ports import LedgerState
from releaser.store.sqlite import SqliteJournal

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["journal_findings", "open_journal", "playbook_findings", "secret_findings"]

ROOM = 64 << 20
"""Bytes for the journal, its spool and a packed artifact."""


def playbook_findings(session: "Session") -> Iterator[Finding]:
    try:
        playbook = session.playbook()
    except ConfigError as error:
        yield fail("playbook", "", error.message, *error.fix, code="playbook")
        return
    budget = playbook.budget
    if budget.deadman + GUARD_DELAY > budget.rollback:
        late = f"a router left alone goes back after {budget.deadman:g} s and {GUARD_DELAY:g} s more, and the way back may take {budget.rollback:g} s"
        yield fail("playbook", "", late, f"lower budget.deadman in the playbook {playbook.name}", code="slow-deadman")
    else:
        yield ok(
            "playbook", "", f"{playbook.name}: {len(playbook.steps)} steps, the way back within {budget.rollback:g} s"
        )


def secret_findings(session: "Session") -> Iterator[Finding]:
    """They are looked up as a release would; values are thrown away."""
    try:
        found = session.secrets
    except (RefusedError, ConfigError) as error:
        yield fail("secrets", "", error.message, *error.fix, code=error.code)
        return
    known = ", ".join(f"{reference} version {version}" for reference, version in found.versions[:3])
    more = f" and {len(found.versions) - 3} more" if len(found.versions) > 3 else ""
    yield ok("secrets", "", f"found {known}{more}" if known else "none are named")
    reboot = reboot_needs(session.environment)
    if reboot:
        yield warn("secrets", "", reboot, "secrets: { at_rest: sealed }")
    yield from (warn("secrets", "", *concern.rsplit("; ", 1)) for concern in found.concerns)


def open_journal(session: "Session") -> SqliteJournal | Finding:
    """The journal of this machine as it is, or why it cannot be used; where there is none yet, none is made."""
    path = journal_path(session.environ)
    if not path.exists():
        return _to_be_made(path)
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        own = f"sudo chown -R $USER {path.parent}"
        return fail("journal", "", f"{path} cannot be written by this user", own, code="journal-rights")
    try:
        return SqliteJournal(path)
    except JournalUnavailableError as error:
        return fail("journal", "", error.message, *error.fix, code="journal-unavailable")
    except JournalCorruptError as error:
        return fail("journal", "", error.message, *error.fix, code="journal")


def journal_findings(journal: SqliteJournal, ledgers: Mapping[str, LedgerState]) -> Iterator[Finding]:
    """Whole, and the one that the ledgers vouch for: nothing goes forward on another."""
    try:
        problems = journal.verify()
        for ledger in ledgers.values():
            if ledger.journal is not None:
                journal.check_against(*ledger.journal)
    except JournalUnavailableError as error:
        yield unknown("journal", "", error.message, *error.fix)
        return
    except JournalCorruptError as error:
        yield fail("journal", "", error.message, *error.fix, code="journal")
        return
    if problems:
        mend = ("releaser journal verify", "releaser journal restore FILE")
        yield fail("journal", "", f"{journal.path} is damaged: {problems[0]}", *mend, code="journal")
        return
    yield _room(journal.path, f"{journal.path} is whole and can be written")


def _to_be_made(path: Path) -> Finding:
    nearest = next(folder for folder in path.parents if folder.exists())
    if os.access(nearest, os.W_OK | os.X_OK):
        return _room(nearest, f"{path} is made by the first release from this machine")
    other = "name another folder: RELEASER_STATE"
    return fail("journal", "", f"{path} cannot be made: {nearest} is not this user's", other, code="journal-rights")


def _room(path: Path, well: str) -> Finding:
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    if free < ROOM:
        return warn("journal", "", f"{well}, but only {free >> 20} MiB are free beside it", f"free some room at {path}")
    return ok("journal", "", well)
