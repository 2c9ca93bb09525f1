"""A store of secrets for tests, as a plug-in would bring it: `drawer:` references, and a note of what was done with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from releaser.errors import FailedError, UnreachableError

__all__ = ["DrawerSecrets"]


class DrawerOptions(BaseModel):
    label: str = "left"


class DrawerSecrets:
    """`variables` are its content; LOCKED among them: nothing can be read."""

    Options: ClassVar = DrawerOptions
    done: ClassVar[list[str]] = []

    def __init__(self, folder: Path, variables: Mapping[str, str], options: DrawerOptions) -> None:
        self._variables = variables
        self.done.append(f"opened {options.label}")

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        assert within > 0
        if "LOCKED" in self._variables:
            raise UnreachableError("the drawer is locked; unlock it", code="locked")
        name = reference.removeprefix("drawer:")
        self.done.append(name)
        if name not in self._variables:
            raise FailedError(f"{reference} is not in the drawer; put it there")
        return self._variables[name], str(len(self._variables[name]))

    def close(self) -> None:
        self.done.append("closed")
