"""Which slot takes which share? A router knows slots (two clusters, two sets of servers); a split names releases."""

from collections.abc import Mapping

from releaser.core.values import SLOTS, Binding, Slot, Split
from releaser.errors import FailedError

__all__ = ["shares", "split_of"]


def shares(split: Split, binding: Binding) -> dict[Slot, int]:
    """Whole percents by slot, both slots named, sum 100. Raises FailedError for a release that no slot holds."""
    bound = {release for _, release in binding}
    for release, weight in split.weights:
        if release not in bound:
            raise FailedError(
                f"release {release} is to get {weight} % but no slot holds it, so no router can send it requests",
                fix=("start the release in a slot first",),
                code="unbound",
            )
    held = dict(binding)
    return {slot: split.weight(held[slot]) if slot in held else 0 for slot in SLOTS}


def split_of(weights: Mapping[Slot, int], binding: Binding) -> Split | None:
    """The split that a router's own weights (any unit) amount to; None where both slots have none.

    Half-done writes give a split too, one that differs from what was asked. Raises FailedError for a slot that takes
    requests and holds no release that we know.
    """
    total = sum(weights.values())
    if not total:
        return None
    held = dict(binding)
    for slot, weight in weights.items():
        if weight and slot not in held:
            raise FailedError(
                f"the router sends requests to slot {slot}, which holds no release that the ledger knows",
                fix=("releaser adopt",),
                code="stranger",
            )
    blue = round(100 * weights["blue"] / total)
    if weights["blue"] and weights["green"]:
        blue = min(99, max(1, blue))
    percents: dict[Slot, int] = {"blue": blue, "green": 100 - blue}
    return Split.of({held[slot]: percent for slot, percent in percents.items() if percent})
