"""How does a verb on a host say no, and how long may it try?"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

SAFETY = 0.85
"""The part of the caller's time that a verb uses itself, so that it still answers before the caller gives up."""


class Refusal(Exception):  # noqa: N818 - it is an answer with a reason, not a fault of the program
    """`kind` is failed, fenced, held, refused or usage; `message` one sentence; `code` for machines; `fix` what to try."""

    def __init__(self, kind: str, message: str, code: str = "", fix: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code or kind
        self.fix = fix

    def answer(self) -> dict[str, Any]:
        return {"kind": self.kind, "code": self.code, "message": self.message, "fix": list(self.fix)}


def deadline(request: dict[str, Any]) -> float:
    """The monotonic time by which a verb must have answered: most of the caller's `within` seconds (30 if none)."""
    return time.monotonic() + SAFETY * float(request.get("within", 30.0))
