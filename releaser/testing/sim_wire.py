"""How does a call travel from a simulated process to a host, and what goes wrong on the way?"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from releaser.errors import ReleaserError, UnknownError, UnreachableError
from releaser.testing.sim_process import Process
from releaser.testing.sim_time import GRID
from releaser.testing.sim_work import Crash

__all__ = ["CHANGES", "Wire"]

T = TypeVar("T")
CHANGES = frozenset({"acquire", "place", "start", "stop", "rehearse", "arm", "shift", "settle", "collect"})
"""Calls that change a host; faults are counted by them."""


class Wire:
    """The line from one process to one host."""

    __slots__ = ("host", "process")

    def __init__(self, process: Process, host: str) -> None:
        self.process = process
        self.host = host

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        process = self.process
        work, trouble = process.work, None
        if call in CHANGES:
            process.watcher.calls(process, call, self.host, work)
            if not process.dead:
                trouble = process.trouble("effect")
        elif call == "renew":
            process.watcher.renews(process)
        work.calls += 1
        network = process.network
        if network.cut or network.slow:
            self._travel(act, within)
        return act() if trouble is None else self._troubled(trouble, act, within)

    def _travel(self, act: Callable[[], Any], within: float) -> None:
        """Returns when the call has got to the host: late if that is slow, not at all if it is cut off or too slow."""
        process, host, work, now = self.process, self.host, self.process.work, self.process.timeline.now
        if not process.network.reaches(process.name, host, now):
            work.elapsed += min(within, 3.0)
            raise UnreachableError(f"{host} does not answer")
        slow = process.network.delay(host, now)
        work.elapsed += min(slow, within)
        if slow >= within:
            process.timeline.after(slow, _too_late, act)
            raise UnknownError(f"{host} did not answer within {within:g} s")

    def _troubled(self, trouble: str, act: Callable[[], T], within: float) -> T:
        process, work = self.process, self.process.work
        match trouble:
            case "crash_before":
                raise Crash
            case "crash_after":
                act()
                raise Crash
            case "lost_answer":
                act()
                work.elapsed += within
                raise UnknownError(f"{self.host} did not answer within {within:g} s")
            case "late_effect":
                work.elapsed += within
                process.timeline.after(within + GRID * process.chance.randrange(16 * 180), _too_late, act)
                raise UnknownError(f"{self.host} did not answer within {within:g} s")
            case "late_answer":
                work.delay = GRID * process.chance.randrange(16 * 60)
            case "no_answer":
                work.mute = True
            case "not_sent":
                raise UnreachableError(f"{self.host} refuses the connection")
            case "defect":
                raise ValueError("a defect in an adapter")
            case _:
                process.aside(trouble)
        return act()


def _too_late(act: Callable[[], Any]) -> None:
    """What was sent is done after all, long after its caller gave up; nobody hears what the host answers."""
    with suppress(ReleaserError):
        act()
