"""How is an environment on this machine stopped? What releaser started there, in slots and as a router, ends gracefully."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from releaser.core.values import Slot
from releaser.errors import FailedError, HeldError, RefusedError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Ended", "stop_all"]

WITHIN = 10.0
POLL = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """What was stopped, and what was left because somebody else had started it."""

    stopped: tuple[str, ...]
    left: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    """Units that a boot starts no more."""


def stop_all(session: "Session", *, wait: Callable[[float], None]) -> Ended:
    """Slots first, then routers; returns once they have ended. Safe to repeat.

    Raises RefusedError for hosts elsewhere, HeldError while a release runs, FailedError for what does not end in its time.
    """
    _expect_local(session)
    fence = _expect_quiet(session)
    stopped: list[str] = []
    left: list[str] = []
    for name, target in session.world.targets.items():
        for (slot, release), adopted in _busy(session, name).items():
            if adopted:
                left.append(_said(name, slot, release))
                continue
            target.stop(release, slot, fence=fence, after=0.0, within=WITHIN)
            stopped.append(_said(name, slot, release))
    _await(session, left, wait)
    stopped += [f"the router of {name}" for name in session.wiring.stop_local_routers()]
    targets: list[Any] = list(session.world.targets.values())
    disabled = [unit for target in targets for unit in target.rest(fence=fence, within=WITHIN)]
    return Ended(tuple(stopped), tuple(left), tuple(disabled))


def _expect_local(session: "Session") -> None:
    elsewhere = [name for name, target in session.environment.targets.items() if target.connection != "local"]
    if elsewhere:
        raise RefusedError(
            f"{session.name} has {', '.join(elsewhere)} on other hosts; down stops only environments on this machine",
            code="not-local",
            fix=(f"releaser status -e {session.name}",),
        )


def _expect_quiet(session: "Session") -> int:
    """The highest fence, where no release is under way."""
    ledgers = session.observe().ledgers.values()
    holder = next((ledger.holder for ledger in ledgers if ledger.holder and ledger.holder.left > 0), None)
    if holder is not None:
        raise HeldError(
            f"{holder.name} brings {holder.release} to {session.name}; nothing was stopped",
            fix=(f"releaser abort -e {session.name}",),
        )
    if any(ledger.candidate is not None for ledger in ledgers):
        raise RefusedError(
            f"a release was left in the middle in {session.name}; nothing was stopped",
            code="abandoned",
            fix=(f"releaser recover -e {session.name}",),
        )
    return max((ledger.fence for ledger in ledgers), default=0)


def _await(session: "Session", left: list[str], wait: Callable[[float], None]) -> None:
    """Each slot has its drain time to end, and some seconds more."""
    until = monotonic() + session.environment.fleet.drain + WITHIN
    while running := _running(session, left):
        if monotonic() > until:
            raise FailedError(
                f"{', '.join(running)} did not end within {session.environment.fleet.drain + WITHIN:g} s",
                fix=(f"releaser logs -e {session.name}",),
            )
        wait(POLL)


def _running(session: "Session", left: list[str]) -> list[str]:
    found = [_said(name, *held) for name in session.environment.targets for held in _busy(session, name)]
    return [what for what in found if what not in left]


def _busy(session: "Session", name: str) -> dict[tuple[Slot, str], bool]:
    """(slot, release) -> whether it was adopted, of what is not at rest on any host of a target."""
    target: Any = session.world.targets[name]
    answers = [asked.shell.call(asked.verb, asked.request, within=WITHIN)["slots"] for asked in target.questions()]
    return {
        (slot, str(state["release"])): bool(state["adopted"])
        for slots in answers
        for slot, state in slots.items()
        if state["state"] not in ("empty", "stopped")
    }


def _said(name: str, slot: Slot, release: str) -> str:
    return f"{release} in slot {slot} of {name}"
