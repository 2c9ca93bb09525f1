"""What does `status` answer, for one environment or for all of them?"""

from pathlib import Path
from typing import Any

from releaser.cli.answer import Answer, Frost, done
from releaser.cli.chosen_hosts import HostChoice, chosen_hosts
from releaser.cli.lines import Line, line
from releaser.cli.run import Reply, Run
from releaser.cli.status_of import Status, document_of, exit_of, status_of
from releaser.cli.views.status import status_lines
from releaser.core.values import Outcome
from releaser.errors import ConfigError, PortError, ReleaserError

__all__ = ["look", "names_here"]

WORST_FIRST = (5, 9, 3, 8, 1)
"""Of several environments the exit code that a person must see first."""


def names_here(run: Run) -> tuple[str, ...]:
    """-e, or RELEASER_ENV, or all of the folder."""
    named = run.options.environment or run.environ.get("RELEASER_ENV")
    if named:
        return (named,)
    from releaser.config.layers import environment_names

    folder = Path(run.options.folder) / "environments"
    names = environment_names(folder)
    if not names:
        raise ConfigError(f"there is no environment in {folder}", fix=("releaser init",), code="no-environment")
    return names


def look(run: Run, choice: HostChoice, *, check: bool) -> Reply:
    names = names_here(run)
    found: list[Status | ReleaserError] = [_status(run, name, choice, alone=len(names) == 1) for name in names]
    seen = [one for one in found if isinstance(one, Status)]
    lines: list[Line] = []
    for name, one in zip(names, found, strict=True):
        lines += [line("")] if lines else []
        lines += status_lines(one, run.now()) if isinstance(one, Status) else [_not_read(name, one)]
    data = {"status": [document_of(one) if isinstance(one, Status) else {"environment": name, "state": "unreadable",
            "message": one.message} for name, one in zip(names, found, strict=True)]}  # fmt: skip
    return Reply(_answer(names, seen, run.now(), failed=len(found) - len(seen), check=check), data, tuple(lines))


def _status(run: Run, name: str, choice: HostChoice, *, alone: bool) -> Status | ReleaserError:
    """Of several environments a broken one does not hide the others."""
    try:
        session = run.open(name)
        if not choice.everything:
            session.narrow(chosen_hosts(session.environment, choice))
        return status_of(session, run.now())
    except (ConfigError, PortError) as error:
        if alone:
            raise
        return error


def _not_read(name: str, error: ReleaserError) -> Line:
    return line((name.ljust(10) + "  ", "strong"), ("NOT READ ", "bad"), error.message)


def _answer(names: tuple[str, ...], seen: list[Status], wall: float, *, failed: int, check: bool) -> Answer:
    environment = names[0] if len(names) == 1 else ""
    codes = {exit_of(one) for one in seen} | ({1} if failed else set())
    code = next((one for one in WORST_FIRST if one in codes), 0) if check else 0
    reason = ", ".join(sorted({one.state for one in seen}))
    outcome = Outcome.UNCHANGED
    if len(seen) == 1 and seen[0].state in ("running", "held"):
        outcome = Outcome.RUNNING if seen[0].state == "running" else Outcome.HELD
    newest = seen[0].newest if len(seen) == 1 else None
    known: dict[str, Any] = {"release": newest.current, "rollout": newest.rollout or None} if newest else {}
    if newest and newest.frozen:
        left = newest.frozen.left
        known["frozen"] = Frost(newest.frozen.by, None if left is None else wall + left)
    return done(environment, f"read {len(seen)} of {len(names)}", outcome, reason=reason, exit=code, **known)
