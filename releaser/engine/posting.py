"""How does a person's word reach a release under way, or every ledger? Through the journal here, else through the routers."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from releaser.core.events import Asked
from releaser.errors import FailedError, ReleaserError
from releaser.ports import Frozen, Request

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["ask", "freeze", "unfreeze"]

WITHIN = 5.0
AGAIN = 0.02
"""Seconds between two looks for an answer."""


def ask(session: "Session", asked: Asked, *, patience: float, wait: Callable[[float], None]) -> tuple[str, bool] | None:
    """(sentence, granted); None: left in an inbox, where it is read within a third of the dead-man's timer."""
    running = session.running()
    if running is not None:
        journal = session.journal
        number = journal.ask(session.name, asked, session.clock.moment(), rollout=running.rollout)
        for _ in range(int(patience / AGAIN)):
            answer = journal.answer_of(number)
            if answer is not None:
                return answer.removeprefix("ok: ").removeprefix("no: "), answer.startswith("ok: ")
            wait(AGAIN)
        if not journal.withdraw(number):
            return "the release heard it and has not answered yet", True
    return _post(session, asked)


def freeze(session: "Session", reason: str, *, seconds: float | None = None, allow: tuple[str, ...] = ()) -> None:
    """On every router; `seconds` None: until somebody lifts it. Raises FailedError that names those that did not answer."""
    _edit_all(session, {"freeze": Frozen(session.by, reason, seconds, allow)})


def unfreeze(session: "Session") -> None:
    """On every router. Raises as `freeze`."""
    _edit_all(session, {"unfreeze": True})


def _edit_all(session: "Session", change: Mapping[str, object]) -> None:
    """One change to every router's ledger."""
    world = session.world
    edits = [partial(_tried, partial(site.ledger.edit, change, within=WITHIN)) for site in world.sites.values()]
    answers = dict(zip(world.sites, world.together(edits), strict=True))
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, Exception)}
    if failed:
        raise FailedError(
            "; ".join(f"{name}: {error}" for name, error in failed.items()), fix=("try again once they answer",)
        )


def _post(session: "Session", asked: Asked) -> tuple[str, bool] | None:
    """Into the inbox of each router whose lease is alive."""
    ledgers = session.observe().ledgers
    held = {name: state.rollout for name, state in ledgers.items() if state.holder and state.holder.left > 0}
    if not held:
        return "no release is running here: nothing to do", True
    number = secrets.token_hex(8)
    for name, rollout in held.items():
        request = Request(number, asked.verb, asked.by, {**_body(asked), "for": rollout})
        session.world.sites[name].ledger.edit({"post": request}, within=WITHIN)
    return None


def _body(asked: Asked) -> dict[str, object]:
    fields = {
        "reason": asked.reason,
        "to": asked.to,
        "step": asked.step,
        "until": asked.until,
        "mark_bad": asked.mark_bad,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _tried(call: Callable[[], object]) -> object:
    try:
        return call()
    except ReleaserError as error:
        return error
