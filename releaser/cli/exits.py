"""Which exit code does an outcome have? The table of the manual, and nothing else."""

from typing import Literal

from releaser.core.values import Outcome

__all__ = ["DIFFERENT", "HELD_BY_ANOTHER", "INTERRUPTED", "LOCK_HELD", "REFUSED", "Family", "code_of"]

Family = Literal["forward", "back"]
"""forward: promote, watch, resume, recover; back: every other verb, which is done when what was asked for is done."""

REFUSED, HELD_BY_ANOTHER, INTERRUPTED = 6, 7, 130
DIFFERENT = 10
"""`plan --detailed-exitcode`: promote would change something."""
LOCK_HELD = frozenset({"lock-held", "held"})
"""Reasons of a refusal that mean: another release holds the environment."""

CODES: dict[Outcome, tuple[int, int]] = {
    Outcome.PROMOTED: (0, 0),
    Outcome.UNCHANGED: (0, 0),
    Outcome.ROLLED_BACK: (3, 0),
    Outcome.INCOMPLETE: (5, 5),
    Outcome.REFUSED: (REFUSED, REFUSED),
    Outcome.RUNNING: (8, 0),
    Outcome.HELD: (9, 0),
    Outcome.CANCELLED: (INTERRUPTED, INTERRUPTED),
    Outcome.ERROR: (1, 1),
}


def code_of(family: Family, outcome: Outcome, reason: str = "") -> int:
    """The exit code of an outcome; `reason` tells a refusal by a holder (7) from the others (6)."""
    if outcome is Outcome.REFUSED and reason in LOCK_HELD:
        return HELD_BY_ANOTHER
    forward, back = CODES[outcome]
    return forward if family == "forward" else back
