"""What is one thing that a host needs, as data? PURE: how it is looked at and how it is done, in POSIX sh."""

from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote
from typing import Literal, TypeVar

__all__ = ["Finding", "Preparation", "State", "Step", "quote"]

T = TypeVar("T")
State = Literal["ok", "todo", "done", "note", "cannot", "failed"]
"""As it should be; to be done; done now; worth knowing; a person must decide first; tried in vain."""


@dataclass(frozen=True, slots=True)
class Step:
    """`look` ends with 0 where all is well; `cannot WORDS` and `note WORDS` end it too. `do` is run by root where `look`
    fails, each line only if the one before went well; then `look` must succeed. `given` are variables and functions of both.
    """

    title: str
    look: str
    do: str = 'cannot "it is not, and nothing here can change that"'
    given: str = ""


@dataclass(frozen=True, slots=True)
class Preparation:
    """One host and all that it needs, in order."""

    host: str
    steps: tuple[Step, ...]
    programs: tuple[str, ...] = ()
    """Names of the Python programs below onhost/ that its steps call."""

    def joined(self, other: "Preparation") -> "Preparation":
        """What a host needs for several reasons, each thing once."""
        return Preparation(self.host, _once((*self.steps, *other.steps)), _once((*self.programs, *other.programs)))


def _once(things: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(things))


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, or came, of one step on one host."""

    state: State
    title: str
    detail: str = ""
