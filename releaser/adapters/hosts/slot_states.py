"""What do a target's two slots hold, seen over all its hosts? PURE: from the hosts' answers to what a person is told."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from releaser.adapters.hosts.fleet import Answers
from releaser.core.values import SLOTS, Slot
from releaser.errors import UnreachableError
from releaser.ports import SlotState

__all__ = ["TAKEN", "UNREACHABLE", "slot_states"]

TAKEN = "port taken by "
"""What is said of a slot that runs nothing and on whose port somebody else listens; by pid and command."""
BUSY = frozenset({"running", "waiting", "stopping"})
"""States of a slot that something has, also between two starts of it."""
UNREACHABLE = "unreachable"
"""What is said of both slots of a host to which nothing could be sent."""


def slot_states(answers: Answers[dict[str, Any]]) -> tuple[SlotState, ...]:
    """Both slots. `release` is what most hosts hold there; `running` only if it runs on every host that was asked."""
    silent = {
        host: UNREACHABLE if isinstance(error, UnreachableError) else error.message
        for host, error in answers.bad.items()
    }
    return tuple(
        _state(slot, {h: answer["slots"][slot] for h, answer in answers.good.items()}, silent) for slot in SLOTS
    )


def _state(slot: Slot, seen: Mapping[str, Mapping[str, Any]], silent: Mapping[str, str]) -> SlotState:
    held = Counter(view["release"] for view in seen.values() if view["release"])
    release = held.most_common(1)[0][0] if held else None
    words = {host: _words(view, release) for host, view in seen.items()}
    running = bool(words) and not silent and all(word == "running" for word in words.values())
    ending = {host: float(view["ends_in"]) for host, view in seen.items() if view.get("ends_in") is not None}
    busy = {view["release"] for view in seen.values() if view["state"] in BUSY and view["release"]}
    return SlotState(slot, release, running, {**words, **silent}, ending, tuple(sorted(busy)))


def _words(view: Mapping[str, Any], release: str | None) -> str:
    if view["release"] != release:
        return f"holds {view['release'] or 'nothing'}, {view['state']}"
    if view["stranger"]:
        return f"{TAKEN}{view['stranger']}"
    if view["state"] == "waiting":
        return f"down: {view['note']}, {view['restarts']} restarts"
    if view["state"] == "stopping":
        return "stopping"
    return "running" if view["running"] else "stopped"
