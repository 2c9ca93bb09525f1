"""What does the engine run on, without disk, clock or threads? Journal, clock, mailbox, executor and friends in memory.

The fakes of a router host are in `fakes_site`, those of a target's hosts in `fakes_hosts`. All of them are API.
"""

import queue
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from releaser.core.events import Entry
from releaser.core.values import Moment
from releaser.errors import FailedError, JournalUnavailableError
from releaser.testing.fakes_hosts import FakeHost, FakeProbe, FakeRun, FakeTarget, HostWatcher, healthy
from releaser.testing.fakes_line import DirectLine, Line
from releaser.testing.fakes_ports import site_ports
from releaser.testing.fakes_site import FakeSite, FakeSwitch, SiteWatcher
from releaser.testing.memory_journal import MemoryJournal

__all__ = [
    "DirectLine",
    "FakeClock",
    "FakeHost",
    "FakeMailbox",
    "FakeNotifier",
    "FakeProbe",
    "FakeRun",
    "FakeSecrets",
    "FakeSite",
    "FakeSpool",
    "FakeSwitch",
    "FakeTarget",
    "HostWatcher",
    "InlineExecutor",
    "Line",
    "MemoryJournal",
    "SiteWatcher",
    "healthy",
    "one_by_one",
    "site_ports",
]


@dataclass(slots=True)
class FakeClock:
    """A clock that stands still until somebody moves it. The wall clock may be moved apart from it."""

    at: float = 1000.0
    boot: str = "boot-1"
    wall: float = 1_760_000_000.0

    def now(self) -> float:
        return self.at

    def moment(self) -> Moment:
        return Moment(self.at, self.boot, self.wall + self.at)

    def pass_(self, seconds: float) -> None:
        self.at += seconds


@dataclass(slots=True)
class FakeMailbox:
    """Messages in order. Where there is none, time passes on `clock` instead of being waited for."""

    clock: FakeClock = field(default_factory=FakeClock)
    messages: deque[Any] = field(default_factory=deque)

    def put(self, message: Any) -> None:
        self.messages.append(message)

    def get(self, *, timeout: float) -> Any:
        if self.messages:
            return self.messages.popleft()
        self.clock.pass_(timeout)
        raise queue.Empty


@dataclass(slots=True)
class InlineExecutor:
    """Runs everything at once, where it is submitted. What comes back again and again is called by `tick`."""

    repeated: list[Callable[[], None]] = field(default_factory=list)

    def submit(self, work: Callable[[], None], *, urgent: bool) -> None:
        work()

    def every(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        self.repeated.append(work)
        return lambda: self.repeated.remove(work)

    def tick(self) -> None:
        for work in list(self.repeated):
            work()


@dataclass(slots=True)
class FakeSpool:
    """What the journal did not take, in order. With `room` 0 it is full."""

    room: int = 1000
    entries: list[Entry] = field(default_factory=list)

    def write(self, entry: Entry) -> None:
        if len(self.entries) >= self.room:
            raise JournalUnavailableError("the spool is full", code="spool-full")
        self.entries.append(entry)

    def clear(self) -> None:
        self.entries.clear()


@dataclass(slots=True)
class FakeNotifier:
    """Keeps what it was told."""

    told: list[Entry] = field(default_factory=list)

    def tell(self, entry: Entry) -> None:
        self.told.append(entry)


@dataclass(slots=True)
class FakeSecrets:
    """References to (value, version). Sealed: nothing is answered."""

    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sealed: bool = False

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        if self.sealed or reference not in self.values:
            raise FailedError(f"{reference} cannot be read: the store is sealed or does not know it", code="secret")
        return self.values[reference]


def one_by_one(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """`World.together` without threads."""
    return [call() for call in calls]
