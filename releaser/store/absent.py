"""What stands in for a journal that cannot be used now? Something that takes nothing, so that a way back needs none.

A rollback's events then wait in memory and in the spool, and the next command writes them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from releaser.errors import JournalUnavailableError

if TYPE_CHECKING:
    from releaser.core.events import Entry
    from releaser.store.asked import Waiting

__all__ = ["AbsentJournal"]


@dataclass(frozen=True, slots=True)
class AbsentJournal:
    """Implements ports.Journal, and the part of it where requests wait, by refusing. `why` names what is wrong with `path`."""

    path: Path
    why: str

    def append(self, entries: "Sequence[Entry]", *, patience: float | None = None) -> None:  # noqa: ARG002 - the port has it
        if entries:
            self._refuse()

    def read(self, rollout: str) -> "Sequence[Entry]":  # noqa: ARG002 - the port has it
        return ()

    def head(self) -> tuple[str, int, str]:
        self._refuse()

    def changed(self) -> int:
        self._refuse()

    def take(self, environment: str, rollout: str) -> "Sequence[Waiting]":  # noqa: ARG002 - the port has it
        self._refuse()

    def answer(self, number: int, text: str) -> None:  # noqa: ARG002 - the port has it
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise JournalUnavailableError(self.why, code="journal-absent")
