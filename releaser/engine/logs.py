"""What does the application say? The output of its slots on every host, once or as it comes."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from releaser.core.values import SLOTS, Slot
from releaser.errors import RefusedError

__all__ = ["follow_logs"]

EVERY = 0.5
WITHIN = 10.0


def follow_logs(
    targets: Mapping[str, Any], release: str | None, *, follow: bool, lines: int = 100
) -> Iterator[tuple[str, str]]:
    """(host, line) of each slot that holds `release` (id or version; None: every slot, also lines of what it held before).

    `follow` never ends by itself.

    Raises RefusedError where no slot holds it: an empty choice is a mistake, not an empty answer.
    """
    chosen = [(target, slot, held) for target in targets.values() for slot, held in _slots(target, release)]
    if not chosen:
        raise RefusedError(
            f"no slot holds {release}" if release else "no slot holds a release yet",
            code="no-logs",
            fix=("see what is there: releaser status",),
        )
    cursors: dict[int, Mapping[str, str]] = {}
    while True:
        for index, (target, slot, held) in enumerate(chosen):
            own = held if release else None
            parts, silent = target.logs(slot, lines=lines, release=own, cursors=cursors.get(index), within=WITHIN)
            yield from ((host, line) for host, part in parts.items() for line in part.lines)
            yield from ((host, f"(no log: {why})") for host, why in silent.items() if index not in cursors)
            cursors[index] = {host: part.cursor for host, part in parts.items()}
        if not follow:
            return
        time.sleep(EVERY)


def _slots(target: Any, release: str | None) -> list[tuple[Slot, str]]:
    """(slot, release), in the order of the slots' names; `release` may be an id or the version in front of its digest."""
    held = {state.slot: state.release for state in target.inspect(within=WITHIN)}
    return [
        (slot, found)
        for slot in SLOTS
        if (found := held.get(slot)) is not None and release in {None, found, found.rpartition("-")[0]}
    ]
