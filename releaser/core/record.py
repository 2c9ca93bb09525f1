"""How is a value made that is built at every turn of the loop? As a frozen dataclass whose freezing the type checker alone enforces.

A dataclass that is frozen at run time sets each field through `object.__setattr__`: seven times the work of an ordinary assignment,
and a seventh of the time of simulated rollouts went there. What is built seldom, and what must never be wrong (plans, splits,
commands, events), stays a plain `@dataclass(frozen=True, slots=True)`.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

__all__ = ["record"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Slots, equality and a hash over the fields, as a frozen dataclass has; mypy reports whoever assigns to a field."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
