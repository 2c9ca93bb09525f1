"""What is done to the journal by hand, and what is said of it?"""

from pathlib import Path

from releaser.cli.answer import Answer, done
from releaser.cli.exits import INTERRUPTED, REFUSED
from releaser.cli.records import opened
from releaser.cli.run import Reply, Run
from releaser.core.phrases import say_seconds
from releaser.core.values import Outcome
from releaser.engine.places import journal_path
from releaser.errors import UsageError

__all__ = ["back_up", "checked", "put_back", "shorten"]

DAY = 86400.0


def back_up(run: Run, file: Path) -> Reply:
    from releaser.store.backup import backup

    journal = journal_path(run.environ)
    if not journal.exists():
        return Reply(done("", f"there is no journal at {journal} yet: nothing was released from here"))
    if not file.parent.is_dir():
        raise UsageError(f"there is no directory {file.parent} to write the backup to; make it first", code="usage")
    name, length, head = backup(journal, file)
    data = {"journal": {"id": name, "length": length, "head": head, "path": str(file)}}
    return Reply(done("", f"{length} events are in {file}, each checked; the head is {head[:16]}"), data)


def put_back(run: Run, file: Path, *, force: bool, as_new: bool) -> Reply:
    from releaser.store.backup import restore

    journal = journal_path(run.environ)
    name, length, head = restore(file, journal, force=force, as_new=as_new)
    data = {"journal": {"id": name, "length": length, "head": head, "path": str(journal)}}
    fix = ("releaser history", "releaser status")
    return Reply(done("", f"{journal} is what {file} was: {length} events, the head is {head[:16]}", fix=fix), data)


def checked(run: Run) -> Reply:
    """The whole chain."""
    with opened(run.environ) as journal:
        problems = list(journal.verify())
        name, length, head = journal.head()
    data = {"journal": {"id": name, "length": length, "head": head, "path": str(journal.path)}, "problems": problems}
    if problems:
        fix = ("releaser journal restore FILE",)
        why = f"the journal {journal.path} was damaged: {'; '.join(problems)}; a rollback needs none"
        return Reply(Answer(Outcome.REFUSED, REFUSED, why, "journal", fix=fix), data)
    return Reply(done("", f"{length} events, each as it was written; the head is {head[:16]}"), data)


def shorten(run: Run, older_than: float) -> Reply:
    age = f"{older_than / DAY:g} days" if older_than >= 2 * DAY else say_seconds(older_than)
    if not run.confirm(f"Forget all releases that ended more than {age} ago?", without="prune"):
        return Reply(Answer(Outcome.CANCELLED, INTERRUPTED, "nothing was removed", "declined"))
    with opened(run.environ) as journal:
        pruned = journal.prune(before=run.now() - older_than)
    kept = f"; {pruned.kept_by} is open and keeps what came after it" if pruned.kept_by else ""
    said = f"{pruned.rows} events of releases that ended more than {age} ago were removed{kept}"
    return Reply(done("", said), {"removed": pruned.rows, "kept_by": pruned.kept_by})
