"""Until when is an environment frozen, and what is said of it?"""

from datetime import datetime

from releaser.cli.answer import Frost, done
from releaser.cli.options import DURATION_FORM, UNITS
from releaser.cli.render import day_time
from releaser.cli.run import Reply, Run
from releaser.engine import posting
from releaser.errors import UsageError

__all__ = ["freeze", "seconds_until", "unfreeze"]


def freeze(run: Run, until: str | None, allow: tuple[str, ...]) -> Reply:
    _needs_reason(run, "freeze")
    seconds = None if until is None else seconds_until(until, run.now())
    session = run.session()
    posting.freeze(session, run.options.reason, seconds=seconds, allow=allow)
    frost = Frost(session.by, None if seconds is None else run.now() + seconds)
    when = f"until {day_time(frost.until)}" if frost.until is not None else "until somebody lifts it"
    fix = (f"releaser unfreeze -e {session.name} --reason ...",)
    return Reply(done(session.name, f"{session.name} is frozen {when}; rollbacks still work", frozen=frost, fix=fix))


def unfreeze(run: Run) -> Reply:
    _needs_reason(run, "unfreeze")
    session = run.session()
    posting.unfreeze(session)
    return Reply(done(session.name, f"{session.name} is not frozen any more"))


def seconds_until(text: str, wall: float) -> float:
    """Seconds from now to a duration's or a local time's end. Raises UsageError."""
    found = DURATION_FORM.fullmatch(text)
    if found is not None:
        return float(found[1]) * UNITS[found[2]]
    try:
        seconds = datetime.fromisoformat(text).astimezone().timestamp() - wall
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"--until {text[:40]!r} is not a time; write 2h or 2026-01-02T08:00", code="usage") from None
    if seconds <= 0:
        raise UsageError(f"--until {text[:40]} is over already; name a later time", code="usage")
    return seconds


def _needs_reason(run: Run, verb: str) -> None:
    if not run.options.reason:
        raise UsageError(f"{verb} needs a --reason; whoever is stopped by it reads it", code="no-reason")
