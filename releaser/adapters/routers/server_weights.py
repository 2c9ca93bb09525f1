"""How heavy is each server of a slot, where the slots have unequal numbers of servers? PURE."""

from collections.abc import Mapping

from releaser.core.values import SLOTS, Slot
from releaser.errors import FailedError

__all__ = ["HEAVIEST", "server_weights"]

HEAVIEST = 256
"""HAProxy's limit for the weight of one server."""


def server_weights(shares: Mapping[Slot, int], servers: Mapping[Slot, int]) -> dict[Slot, int]:
    """The weight of each server of a slot, so that the slots' sums are as their shares (whole percents).

    With equal numbers a server's weight is its slot's share. Raises FailedError for a slot with a share and no server.
    """
    for slot in SLOTS:
        if shares[slot] and not servers[slot]:
            raise FailedError(
                f"slot {slot} is to get {shares[slot]} % and every host of it goes without its release", code="no-host"
            )
    one, other = SLOTS
    if not shares[one] or not shares[other] or servers[one] == servers[other]:
        return dict(shares)
    ratio = shares[one] * servers[other] / (shares[other] * servers[one])  # how much heavier a server of the first is
    pairs = [(weight, min(HEAVIEST, max(1, round(weight / ratio)))) for weight in range(1, HEAVIEST + 1)]
    best = min(pairs, key=lambda pair: abs(pair[0] / pair[1] / ratio - 1.0))
    return {one: best[0], other: best[1]}
