"""How does a call travel from its caller to a host and back? Where nothing else is said, nothing is lost."""

from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["DirectLine", "Line"]

T = TypeVar("T")


class Line(Protocol):
    """How a call travels from its caller to a host and back."""

    def carry(self, call: str, act: Callable[[], T], within: float) -> T: ...


class DirectLine:
    """A line on which nothing is ever lost."""

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        return act()
