"""How is one router on one host driven? The ports Router, Counters and Switch over the agent; its ledger is `ledger`."""

from collections.abc import Mapping
from typing import Any

from releaser.adapters.routers.dialect import Dialect
from releaser.adapters.routers.ledger import SiteLedger, plain, request_from
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.ports import LedgerState, Renewal, RouterState
from releaser.shell import Shell
from releaser.shell.questions import Question

__all__ = ["RouterSite"]


class RouterSite:
    """One router, spoken to in its dialect through recipes that its host's agent carries out.

    `state` is an absolute path on that host. The ports Router and Ledger both have a `read`, so the ledger is a part.
    """

    def __init__(self, name: str, shell: Shell, state: str, dialect: Dialect, environment: str = "") -> None:
        self.name = name
        self.ledger = SiteLedger(name, shell, state, environment)
        self._shell = shell
        self._state = state
        self._dialect = dialect

    def read(self, binding: Binding, *, within: float) -> RouterState:
        return self._dialect.parse(self._replies("router.read", {"look": self._dialect.look()}, within), binding)

    def questions(self) -> tuple[Question[LedgerState], Question[list[str]]]:
        """The ledger's `read` and our own in one turn: `state_of` takes the second answer and what the first one binds."""
        request = {"state": self._state, "look": self._dialect.look()}
        return self.ledger.question(), Question(self._shell, "router.read", request, _replies)

    def state_of(self, replies: list[str], binding: Binding) -> RouterState:
        return self._dialect.parse(replies, binding)

    def shift(self, split: Split, binding: Binding, generation: int, *, fence: int, within: float) -> RouterState:
        write = self._dialect.write(split, binding, generation)
        order = self._order(split, generation, fence) | {"write": write}
        seen = self._dialect.parse(self._replies("router.write", order, within), binding)
        return self._agreed(seen, split, generation)

    def count(self, binding: Binding, *, within: float) -> Mapping[str, Counts]:
        return self._dialect.tally(self._replies("router.read", {"look": self._dialect.count()}, within), binding)

    def rehearse(self, split: Split, binding: Binding, generation: int, *, fence: int, within: float) -> float:
        order = self._order(split, generation, fence) | {"revert": self._dialect.write(split, binding, generation)}
        answer = self._call("switch.rehearse", order, within)
        self._agreed(self._dialect.parse(answer["replies"], binding), split, generation)
        return float(answer["seconds"])

    def arm(self, split: Split, binding: Binding, generation: int, *, fence: int, timer: float, within: float) -> None:
        revert = self._dialect.write(split, binding, generation)
        self._call("switch.arm", self._order(split, generation, fence) | {"revert": revert, "timer": timer}, within)

    def renew(self, *, fence: int, within: float) -> Renewal:
        answer = self._call("switch.renew", {"fence": fence}, within)
        return Renewal(answer["left"], tuple(request_from(letter) for letter in answer["inbox"]))

    def _order(self, split: Split, generation: int, fence: int) -> dict[str, Any]:
        look = self._dialect.look(generation)
        return {"fence": fence, "split": plain(split), "generation": generation, "look": look}

    def _replies(self, verb: str, request: Mapping[str, Any], within: float) -> list[str]:
        return _replies(self._call(verb, request, within))

    def _call(self, verb: str, request: Mapping[str, Any], within: float) -> dict[str, Any]:
        return self._shell.call(verb, {"state": self._state, **request}, within=within)

    def _agreed(self, seen: RouterState, split: Split, generation: int) -> RouterState:
        """A write counts only when the router itself says so."""
        if seen != RouterState(split, generation):
            raise FailedError(
                f"{self.name} was told {split} (generation {generation}) and says {seen.split} ({seen.generation}); "
                "something else may be writing to it",
                code="read-back",
            )
        return seen


def _replies(answer: Mapping[str, Any]) -> list[str]:
    return list(answer["replies"])
