"""Which share of this step's requests did the candidate get, and do all routers do as they were told?"""

from typing import TYPE_CHECKING, Any

from releaser.cli.lines import Span
from releaser.core.share import say_observed

if TYPE_CHECKING:
    from releaser.core.events import Share
    from releaser.core.rollout import Rollout

__all__ = ["candidate_share", "shares_document", "stable_share", "strays"]


def candidate_share(r: "Rollout | None") -> str:
    """As in 4.8 % (3.9-5.8), of all routers that moved in this step; empty: nothing was counted in it."""
    candidate, requests = _counted(r)
    return say_observed(candidate, requests) if requests else ""


def stable_share(r: "Rollout | None") -> str:
    candidate, requests = _counted(r)
    return say_observed(requests - candidate, requests) if requests else ""


def strays(r: "Rollout | None") -> list[Span]:
    """The routers that send another share than they were told."""
    shares = [share for share in _shares(r) if r and r.judged and share.router in r.judged.astray]
    return [(f"   {one.router} STRAYS: {say_observed(one.candidate, one.requests)}", "bad") for one in shares]


def shares_document(r: "Rollout | None") -> list[dict[str, Any]]:
    """For machines; `low` and `high` are fractions of 1."""
    return [
        {
            "router": one.router,
            "set": one.weight,
            "candidate": one.candidate,
            "requests": one.requests,
            "low": round(one.low, 6),
            "high": round(one.high, 6),
            "agreement": str(one.agreement),
        }
        for one in _shares(r)
        if r and not r.finished and not r.turned
    ]


def _counted(r: "Rollout | None") -> tuple[int, int]:
    shares = _shares(r)
    return sum(share.candidate for share in shares), sum(share.requests for share in shares)


def _shares(r: "Rollout | None") -> "tuple[Share, ...]":
    if r is None or r.judged is None or r.judged.step != r.step:
        return ()
    return r.judged.shares
