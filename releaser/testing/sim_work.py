"""What is a thread of a simulated process doing, and how does it end when the process is killed?"""

from collections.abc import Callable

from releaser.core.commands import Command
from releaser.core.rollout import Rollout
from releaser.testing.sim_time import GRID

__all__ = ["Crash", "Work"]


class Crash(BaseException):
    """kill -9. Not an Exception, so that nothing in the engine can catch it."""


class Work:
    """What a thread of a process is doing: a command's attempt, or else a turn of the loop or a renewal."""

    command: Command | None = None
    attempt = 0
    rollout: Rollout | None = None
    calls = 0
    elapsed = 0.0
    delay = 0.0
    """Seconds that its answer is late."""
    mute = False
    """Its answer never comes."""

    @classmethod
    def of(cls, act: Callable[[], None]) -> "Work":
        """The loop's own partial says what it is about."""
        work = cls()
        work.command, work.attempt, work.rollout, *_ = act.args  # type: ignore[attr-defined]  # as Loop._submit makes it
        work.elapsed = GRID
        return work
