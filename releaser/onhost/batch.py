"""The verb that asks several others in one process: a process costs more than what they do. They change nothing."""

from __future__ import annotations

import time

from releaser.onhost.__main__ import answer
from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

READING = frozenset(["ledger.read", "router.read", "target.inspect", "target.logs", "doctor.host"])
"""What may be part of a batch. A verb that changes something has a process of its own, ended at its own deadline."""


def batch(request: dict[str, Any]) -> dict[str, Any]:
    """{orders: [[verb, request], ...], within} -> {answers: [...]}, each as it would have been alone. Changes nothing.

    They are asked one after the other, and each has the time that is left.
    """
    until = time.monotonic() + float(request["within"])
    for verb, _ in request["orders"]:
        if verb not in READING:
            raise Refusal("usage", f"the verb {verb[:40]!r} cannot be part of a batch: it may change something", "verb")
    return {"answers": [answer(verb, {**order, "within": _left(until)}) for verb, order in request["orders"]]}


def _left(until: float) -> float:
    return max(0.0, until - time.monotonic())
