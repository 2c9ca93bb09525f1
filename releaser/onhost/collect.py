"""Which releases may go? Those that nobody named, that no slot holds and that nothing runs."""

from __future__ import annotations

from typing import Any

from releaser.onhost import files
from releaser.onhost.home import SLOTS, Home, discard, home, remove, ruled, switch_link
from releaser.onhost.slot import look
from releaser.onhost.unit_boot import enable_only

__all__ = ["collect"]


def collect(request: dict[str, Any]) -> dict[str, Any]:
    """Point `current` at the committed release, have a boot start it, and remove what is not in `keep`. Safe to repeat.

    {path, fence, current: release or none, keep: [releases] or none: nothing is removed} -> {removed: [releases]}
    """
    place = home(request)
    current = request.get("current")
    with ruled(place, request):
        if current and place.release(str(current)).is_dir():
            switch_link(place.current, f"releases/{current}")
        if current:
            enable_only(place, str(current))
        if request["keep"] is None:
            return {"removed": []}
        held = {look(place, slot).release for slot in SLOTS} | {place.bound(slot) for slot in SLOTS}
        kept = held | {str(name) for name in request["keep"]} | {current}
        removed = sorted(entry.name for entry in place.releases.iterdir() if entry.name not in kept)
        for name in removed:
            discard(place, place.releases / name)
            _forget(place, name)
    return {"removed": removed}


def _forget(place: Home, release: str) -> None:
    """How it was started, wherever that was kept."""
    known = place.environments / f"{release}.json"
    if (files.read_json(known) or {}).get("forget"):
        from releaser.onhost import memory  # here: most hosts need nothing of it

        memory.forget(place, release)
    for kept in (known, known.with_suffix(".sealed")):
        remove(kept)
