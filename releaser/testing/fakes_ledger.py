"""How do the words of the ports become the plain data that the rules of a router host work on, and back?"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from releaser.core.values import Release, Split
from releaser.onhost import rules
from releaser.onhost.clock import Now
from releaser.ports import Claim, Frozen, Holder, Settling

__all__ = ["claim_data", "freeze_data", "frozen_of", "holder_of", "release_data", "settling_data", "split_of"]


def claim_data(claim: Claim) -> dict[str, Any]:
    return {
        "holder": claim.holder,
        "rollout": claim.rollout,
        "release": release_data(claim.release),
        "before": dict(claim.before.weights) if claim.before else None,
        "binding": claim.binding,
        "lease": claim.lease,
        "playbook": claim.playbook,
        "journal": claim.journal,
        "unfreeze": claim.unfreeze,
        "expected_fence": claim.expected_fence,
        "leaving": claim.leaving,
    }


def settling_data(settling: Settling) -> dict[str, Any]:
    return {
        "rollout": settling.rollout,
        "settlement": settling.settlement,
        "current": settling.current,
        "bad": settling.bad,
        "journal": settling.journal,
        "freeze": freeze_data(settling.freeze),
        "keep": settling.keep,
        "away": None if settling.away is None else list(settling.away),
    }


@cache
def release_data(release: Release) -> dict[str, Any]:
    return asdict(release)


@cache
def split_of_weights(weights: tuple[tuple[str, int], ...]) -> Split:
    return Split.of(dict(weights))


def split_of(weights: Mapping[str, int] | None) -> Split | None:
    return None if weights is None else split_of_weights(tuple(weights.items()))


def holder_of(holder: Mapping[str, Any], now: Now) -> Holder:
    left = rules.lease_left(dict(holder), now)
    return Holder(holder["name"], holder["rollout"], holder["release"], holder["fence"], left)


def frozen_of(frozen: Mapping[str, Any], now: Now) -> Frozen:
    left = rules.frozen_left(dict(frozen), now)
    return Frozen(frozen["by"], frozen["reason"], left, tuple(frozen["allow"]))


def freeze_data(frozen: Frozen | None) -> dict[str, Any] | None:
    if frozen is None:
        return None
    return {"by": frozen.by, "reason": frozen.reason, "seconds": frozen.left, "allow": list(frozen.allow)}
