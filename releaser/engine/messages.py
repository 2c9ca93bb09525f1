"""What arrives in the loop's mailbox."""

from collections.abc import Callable
from dataclasses import dataclass

from releaser.core.commands import Command
from releaser.core.events import Asked, Event, Observation
from releaser.core.record import record

__all__ = ["Answer", "Fact", "Facts", "Message", "Notice", "Person", "Wake"]

Fact = Event | Observation
Facts = tuple[Fact, ...]


@record
class Answer:
    """What came of one command. It counts only for this rollout, this attempt and this fence."""

    rollout: str
    command: Command
    attempt: int
    fence: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that nobody asked for: a renewal was refused."""

    rollout: str
    fence: int
    router: str
    event: Event


@dataclass(frozen=True, slots=True)
class Person:
    """A request by a person or a signal, with an id so that it is heard once, and where the answer goes."""

    rollout: str
    asked: Asked
    id: str = ""
    reply: Callable[[str, bool], None] | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """Look again: nothing else."""


Message = Answer | Notice | Person | Wake
