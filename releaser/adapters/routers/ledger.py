"""How does the ledger beside a router look from here? The port Ledger over the agent's verbs."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from releaser.core.values import Release, Split
from releaser.ports import Claim, Frozen, Holder, LedgerState, Request, Settling
from releaser.shell import Shell
from releaser.shell.questions import Question

__all__ = ["SiteLedger", "request_from"]


class SiteLedger:
    """The ledger in one state directory on one router's host."""

    def __init__(self, router: str, shell: Shell, state: str, environment: str = "") -> None:
        self.router = router
        self._shell = shell
        self._base = {"state": state, "environment": environment}

    def read(self, *, within: float) -> LedgerState:
        return self._call("ledger.read", {}, within)

    def question(self) -> Question[LedgerState]:
        """`read`, to be asked together with others."""
        return Question(self._shell, "ledger.read", self._base, partial(state_from, self.router))

    def acquire(self, claim: Claim, fence: int, *, force: bool, within: float) -> LedgerState:
        return self._call("ledger.acquire", {"claim": claim_json(claim), "fence": fence, "force": force}, within)

    def settle(self, settling: Settling, *, fence: int, within: float) -> LedgerState:
        return self._call("ledger.settle", {"settling": settling_json(settling), "fence": fence}, within)

    def edit(self, change: Mapping[str, Any], *, within: float) -> LedgerState:
        """As the port says; values may be Request, Frozen, Release and Split, or the same as JSON."""
        return self._call("ledger.edit", {"change": plain(change)}, within)

    def _call(self, verb: str, request: Mapping[str, Any], within: float) -> LedgerState:
        answer = self._shell.call(verb, {**self._base, **request}, within=within)
        return state_from(self.router, answer)


def claim_json(claim: Claim) -> dict[str, Any]:
    return {
        "holder": claim.holder,
        "rollout": claim.rollout,
        "release": asdict(claim.release),
        "before": plain(claim.before),
        "binding": [list(bound) for bound in claim.binding],
        "lease": claim.lease,
        "playbook": claim.playbook,
        "journal": claim.journal,
        "unfreeze": claim.unfreeze,
        "expected_fence": claim.expected_fence,
        "leaving": claim.leaving,
    }


def settling_json(settling: Settling) -> dict[str, Any]:
    return {
        "settlement": settling.settlement,
        "rollout": settling.rollout,
        "current": settling.current,
        "bad": settling.bad,
        "freeze": plain(settling.freeze),
        "journal": settling.journal,
        "keep": settling.keep,
        "away": plain(settling.away),
    }


def plain(value: Any) -> Any:
    """The same as JSON has it: a split is a map, a freeze counts `seconds` from when it is written."""
    match value:
        case Split(weights=weights):
            return dict(weights)
        case Frozen(by=by, reason=reason, left=left, allow=allow):
            return {"by": by, "reason": reason, "seconds": left, "allow": list(allow)}
        case Request() | Release():
            return asdict(value)
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case _:
            return value


def request_from(letter: Mapping[str, Any]) -> Request:
    return Request(letter["id"], letter["verb"], letter["by"], letter.get("body", {}))


def state_from(router: str, told: Mapping[str, Any]) -> LedgerState:
    """What the agent tells of a ledger, as a value."""
    holder, frozen, settled, journal = told["holder"], told["frozen"], told["settled"], told["journal"]
    return LedgerState(
        router=router,
        environment=told["environment"],
        fence=told["fence"],
        rollout=told.get("rollout", ""),
        holder=Holder(**holder) if holder else None,
        current=told["current"],
        good=tuple(told["good"]),
        bad=told["bad"],
        evidence=told.get("evidence"),
        releases={name: Release(**about) for name, about in told["releases"].items()},
        slots=told["slots"],
        generation=told["generation"],
        split=split_from(told["split"]),
        before=split_from(told["before"]),
        candidate=told["candidate"],
        armed_left=told["armed_left"],
        guard=told["guard"],
        settled=(settled[0], settled[1]) if settled else None,
        frozen=Frozen(frozen["by"], frozen["reason"], frozen["left"], tuple(frozen["allow"])) if frozen else None,
        journal=(journal[0], journal[1], journal[2]) if journal else None,
        away={release: tuple(hosts) for release, hosts in told.get("away", {}).items()},
        inbox=tuple(request_from(letter) for letter in told["inbox"]),
    )


def split_from(weights: Mapping[str, int] | None) -> Split | None:
    return None if weights is None else Split.of(weights)
