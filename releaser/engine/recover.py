"""Taking over a rollout whose process died: fold its journal, write down who goes on, let the loop read the world back."""

from releaser.core import events as e
from releaser.core.fold import evolve, replay
from releaser.core.rollout import Rollout
from releaser.engine.loop import Loop
from releaser.errors import RefusedError
from releaser.ports import Clock, Journal, World

__all__ = ["resume", "take_over"]


def take_over(journal: Journal, rollout: str) -> Rollout:
    """The state at the last entry. Raises RefusedError if it ended already or its journal has a hole."""
    try:
        state = replay(journal.read(rollout))
    except ValueError as error:
        raise RefusedError(str(error), code="journal", fix=("releaser audit verify",)) from error
    if state.finished:
        raise RefusedError(f"{rollout} is over: {state.finished.outcome}", code="finished")
    return state


def resume(
    loop: Loop, state: Rollout, world: World, clock: Clock, *, by: str, finish: bool = False, reason: str = ""
) -> Rollout:
    """Write `Recovered` and hand the rollout to the loop. Default: back; `finish` asks for fresh evidence at the same step."""
    moment = clock.moment()
    entry = e.Entry(state.id, state.seq + 1, moment, e.Recovered(by, moment.boot, finish, reason))
    state = evolve(state, entry)
    loop.add(state, world)
    loop.recorder.append((entry,), urgent=True)
    return state
