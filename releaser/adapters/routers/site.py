"""How is one router on one host driven? The ports Router, Counters, Switch and Cutter over the agent; its ledger is `ledger`."""

from collections.abc import Mapping
from typing import Any

from releaser.adapters.routers.dialect import Cutting, Dialect, Recipe, Selective
from releaser.adapters.routers.ledger import SiteLedger, plain, request_from
from releaser.core.absent import Away
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

    def shift(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: Away | None = None
    ) -> RouterState:
        write = self._write(split, binding, generation, away)
        order = self._order(split, generation, fence) | {"write": write}
        seen = self._dialect.parse(self._replies("router.write", order, within), binding)
        return self._agreed(seen, split, generation)

    def count(self, binding: Binding, *, within: float) -> Mapping[str, Counts]:
        look = [{**part, "site": self._state} if part["do"] == "heard" else part for part in self._dialect.count()]
        return self._dialect.tally(self._replies("router.read", {"look": look}, within), binding)

    def cut(self, release: str, binding: Binding, *, fence: int, within: float) -> int:
        if not isinstance(self._dialect, Cutting):
            count = self.count(binding, within=within / 2).get(release, Counts()).active
            raise FailedError(
                f"{count} are left, which this kind of router cannot end alone; they end with the slot", code="no-cut"
            )
        order = {"fence": fence, "look": self._dialect.count(), "cut": self._dialect.cut(release, binding)}
        before = self._dialect.tally(self._replies("router.cut", order, within), binding)
        return before.get(release, Counts()).active

    def rehearse(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: Away | None = None
    ) -> float:
        order = self._order(split, generation, fence) | {"revert": self._write(split, binding, generation, away)}
        answer = self._call("switch.rehearse", order, within)
        self._agreed(self._dialect.parse(answer["replies"], binding), split, generation)
        return float(answer["seconds"])

    def arm(
        self,
        split: Split,
        binding: Binding,
        generation: int,
        *,
        fence: int,
        timer: float,
        within: float,
        away: Away | None = None,
    ) -> None:
        revert = self._write(split, binding, generation, away)
        self._call("switch.arm", self._order(split, generation, fence) | {"revert": revert, "timer": timer}, within)

    def renew(self, *, fence: int, within: float) -> Renewal:
        answer = self._call("switch.renew", {"fence": fence}, within)
        return Renewal(answer["left"], tuple(request_from(letter) for letter in answer["inbox"]))

    def _write(self, split: Split, binding: Binding, generation: int, away: Away | None) -> Recipe:
        """A router that knows no single hosts sends to all of them alike: plans refuse to leave out any behind it."""
        chosen = self._dialect.leaving_out(away) if away and isinstance(self._dialect, Selective) else self._dialect
        return chosen.write(split, binding, generation)

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
