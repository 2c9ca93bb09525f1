"""What does a router's language have to say? Pure: recipes as data out, replies as text in."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from releaser.core.absent import Away
from releaser.core.values import Binding, Counts, Split
from releaser.ports import RouterState

__all__ = ["Cutting", "Dialect", "Recipe", "Selective"]

Recipe = tuple[Mapping[str, Any], ...]
"""Operations for the agent's recipe runner on the router's host, in order; one reply text comes back for each."""


class Dialect(Protocol):
    """One kind of router. A write is its write recipe and then its look recipe, inside one lock on the host."""

    @property
    def finest(self) -> int:
        """The smallest share that it can give a release, in whole percent; 100: all or nothing."""
        ...

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        """What sets the split and the generation. Safe to repeat. Raises FailedError for a release without a slot."""
        ...

    def look(self, generation: int | None = None) -> Recipe:
        """What reads the running configuration; with a generation it waits until that one applies."""
        ...

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        """The look recipe's replies. Raises FailedError where they are not what this router says."""
        ...

    def count(self) -> Recipe:
        """What reads the request counters."""
        ...

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        """The count recipe's replies, by release: cumulative since the router started. Raises FailedError as parse."""
        ...


@runtime_checkable
class Cutting(Protocol):
    """A dialect of a router that can end what one release has under way, and go on serving the others."""

    def cut(self, release: str, binding: Binding) -> Recipe:
        """What ends it. Safe to repeat."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A dialect of a router that knows single hosts, and so can leave one out of what the others get."""

    def leaving_out(self, away: Away) -> Self:
        """The same dialect, whose `write` sends no request of a release to the hosts that are without it."""
        ...
