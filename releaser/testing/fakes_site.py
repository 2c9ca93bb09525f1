"""What does a router host do, without a host? Ledger, switch, guard and router in memory, by the very rules that run on hosts.

`FakeSite` is the host; its ports are in `fakes_ports`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar

from releaser.core.absent import Away
from releaser.core.values import Counts, Release, Slot, Split
from releaser.errors import FailedError, FencedError, HeldError, RefusedError, ReleaserError
from releaser.onhost import rules
from releaser.onhost.answers import Refusal
from releaser.onhost.clock import Now
from releaser.onhost.statedir import EMPTY
from releaser.ports import Claim, LedgerState, Renewal, Request, RouterState, Settling
from releaser.testing.fakes_ledger import claim_data, freeze_data, frozen_of, holder_of, settling_data, split_of

__all__ = ["FakeSite", "FakeSwitch", "SiteWatcher"]

T = TypeVar("T")
ERRORS: dict[str, type[ReleaserError]] = {
    "failed": FailedError,
    "usage": FailedError,
    "fenced": FencedError,
    "held": HeldError,
    "refused": RefusedError,
}
GUARD_DELAY = 0.3
"""Seconds from the end of a timer to the restored split, where the guard is alive."""


class SiteWatcher:
    """Told of everything that changes at a site, after it has changed. Does nothing by itself."""

    def writing(self, site: "FakeSite") -> None:
        """Told before the router's split changes."""

    def written(self, site: "FakeSite", before: Split | None, by: str, fence: int) -> None:
        """The router's split or generation was written; `by` is a rollout, "guard" or "person"."""

    def acquired(self, site: "FakeSite", claim: Claim, fence: int, *, force: bool) -> None:
        """A rollout took the ledger."""

    def settled(self, site: "FakeSite", settling: Settling, fence: int) -> None:
        """A rollout ended here."""

    def armed(self, site: "FakeSite", switch: "FakeSwitch") -> None:
        """A switch was set, in earnest or as a rehearsal."""

    def renewed(self, site: "FakeSite", fence: int) -> None:
        """The lease, and the switch if there is one, were renewed."""

    def fired(self, site: "FakeSite", switch: "FakeSwitch") -> None:
        """The guard restored a split."""


@dataclass(slots=True)
class FakeSwitch:
    """One dead-man's switch that is armed."""

    number: int
    fence: int
    split: Split
    generation: int
    renewed: float
    timer: float
    boot: str
    rehearsal: bool = False

    def left(self, now: Now) -> float:
        return self.renewed + self.timer - now.at if self.boot == now.boot else 0.0


@dataclass(slots=True)
class FakeSite:
    """One router host. `clock` is its own boot-time clock; `meter` counts the requests by release."""

    name: str
    clock: Callable[[], Now]
    meter: Callable[[], Mapping[str, Counts]] = dict
    watcher: SiteWatcher = field(default_factory=SiteWatcher)
    split: Split | None = None
    generation: int = 0
    ledger: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))
    known: dict[str, Release] = field(default_factory=dict)
    switches: list[FakeSwitch] = field(default_factory=list)
    numbers: int = 0
    guard_alive: bool = True
    inbox: dict[str, Request] = field(default_factory=dict)
    left_out: Away = field(default_factory=dict)
    """What the last write said of hosts without a release."""

    def serve(self, release: Release, slot: Slot, *, good: tuple[str, ...] = ()) -> None:
        """As if `release` had been committed here earlier, after `good` (newest first)."""
        self.split, self.generation = Split.all_to(release.id), 1
        self.known[release.id] = release
        committed = {"current": release.id, "good": [release.id, *good], "slots": {slot: release.id}, "fence": 1}
        self.ledger = {**self.ledger, **committed, "split": {release.id: 100}, "generation": 1}
        self.ledger["releases"] = {release.id: asdict(release)}

    # the ledger's verbs

    def read(self) -> LedgerState:
        ledger, now = self.ledger, self.clock()
        holder, frozen, settled = ledger["holder"], ledger["frozen"], ledger["settled"]
        return LedgerState(
            router=self.name,
            environment=ledger["environment"],
            fence=ledger["fence"],
            rollout=ledger.get("rollout", ""),
            holder=holder_of(holder, now) if holder else None,
            current=ledger["current"],
            good=tuple(ledger["good"]),
            bad=ledger["bad"],
            evidence=ledger["evidence"],
            releases={name: self.known[name] for name in ledger["releases"]},
            slots=ledger["slots"],
            generation=ledger["generation"],
            split=split_of(ledger["split"]),
            before=split_of(ledger["before"]),
            candidate=ledger["candidate"],
            armed_left=max(0.0, min([switch.left(now) for switch in self.switches])) if self.switches else None,
            guard="alive" if self.guard_alive else "dead",
            settled=(settled[0], settled[1]) if settled else None,
            frozen=frozen_of(frozen, now) if frozen and rules.frozen_left(frozen, now) != 0.0 else None,
            journal=ledger["journal"],
            away={release: tuple(hosts) for release, hosts in ledger["away"].items()},
            inbox=tuple(self.inbox.values()),
        )

    def acquire(self, claim: Claim, fence: int, *, force: bool) -> LedgerState:
        now = self.clock()
        ledger = rules.rebooted(self.ledger, now)
        holder = ledger["holder"]
        if not force and not (holder and rules.alive(holder, now)) and any(s.fence != fence for s in self.switches):
            raise HeldError("the switch of an earlier rollout is still armed here", code="armed")
        request = {"claim": claim_data(claim), "fence": fence, "force": force}
        self.known[claim.release.id] = claim.release
        with_rollout = {**_allowed(partial(rules.acquire, ledger, request, now)), "rollout": claim.rollout}
        fresh = with_rollout["holder"] and not (holder and holder["fence"] == fence)
        self.ledger = with_rollout
        if fresh:
            self.watcher.acquired(self, claim, fence, force=force)
        return self.read()

    def settle(self, settling: Settling, fence: int) -> LedgerState:
        told = settling_data(settling)
        if not rules.settled(self.ledger, told, fence):
            request = {"settling": told, "fence": fence}
            after = _allowed(partial(rules.settle, self.ledger, request, self.clock()))
            self.switches.clear()
            self.ledger = after
            self.watcher.settled(self, settling, fence)
        return self.read()

    def edit(self, change: Mapping[str, Any]) -> LedgerState:
        for name, what in change.items():
            if name == "post" and what.id not in self.ledger["taken"]:
                self.inbox[what.id] = what
            elif name == "taken":
                for heard in what:
                    self.inbox.pop(heard, None)
                self.ledger = rules.taken(self.ledger, list(what))
            elif name == "freeze":
                self.ledger = {**self.ledger, "frozen": rules.freeze(freeze_data(what) or {}, self.clock())}
            elif name == "unfreeze":
                self.ledger = {**self.ledger, "frozen": None}
        return self.read()

    # the router's verbs

    def show(self) -> RouterState:
        return RouterState(self.split, self.generation)

    def write(self, split: Split, generation: int, fence: int, away: Away | None = None) -> RouterState:
        self._expect_writer(fence, self.clock())
        if generation < self.ledger["generation"]:
            raise FailedError(f"generation {generation} is late: {self.ledger['generation']} is written", code="late")
        by = self.ledger["holder"]["rollout"]
        self.ledger = rules.written(self.ledger, fence, dict(split.weights), generation)
        self.left_out = away or {}
        self._apply(split, generation, by, fence)
        return self.show()

    def meddle(self, split: Split) -> None:
        """Somebody changes the router by hand, past the ledger."""
        self._apply(split, self.generation, "person", 0)

    # the switch's verbs

    def arm(self, split: Split, generation: int, fence: int, timer: float) -> None:
        now = self.clock()
        self._expect_writer(fence, now)
        mine = self._armed(fence)
        if mine and mine.split != split:
            raise FailedError("the switch is armed already, and with another split to go back to", code="armed")
        self.guard_alive = True
        number = mine.number if mine else self._number()
        switch = FakeSwitch(number, fence, split, generation, now.at, timer, now.boot)
        self.switches = [*(one for one in self.switches if one.fence > fence), switch]
        self.ledger = rules.renewed(self.ledger, now, armed=True)
        self.watcher.armed(self, switch)

    def renew(self, fence: int) -> Renewal:
        if self.switches:
            self.guard_alive = True
        now = self.clock()
        self._expect_writer(fence, now)
        mine = self._armed(fence)
        if mine is None and self.ledger["holder"]["armed"]:
            raise FencedError("the switch was armed and is gone: this release has ended here", code="fired")
        left = float(self.ledger["holder"]["lease"]["seconds"])
        if mine is not None:
            mine.renewed, mine.boot, left = now.at, now.boot, mine.timer
        self.ledger = rules.renewed(self.ledger, now)
        self.watcher.renewed(self, fence)
        return Renewal(left, tuple(self.inbox.values()) if self.inbox else ())

    def rehearse(self, split: Split, generation: int, fence: int) -> float:
        now = self.clock()
        self._expect_writer(fence, now)
        if self._armed(fence):
            raise FailedError("the switch is armed, so this is not the time to rehearse it", code="armed")
        self.guard_alive = True
        switch = FakeSwitch(self._number(), fence, split, generation, now.at, 1.0, now.boot, rehearsal=True)
        self.ledger = rules.fired(self.ledger, _body(switch), now, restored=True)
        self._apply(split, generation, "guard", fence)
        return GUARD_DELAY

    # the guard, and what happens to the host

    def due(self) -> float | None:
        """When the first switch fires, by this host's clock; None: nothing is armed."""
        now = self.clock()
        return min((now.at + switch.left(now) for switch in self.switches), default=None)

    def guard(self) -> None:
        """One turn of the guard: restore what is due, the newest first."""
        now = self.clock()
        for switch in [one for one in reversed(self.switches) if one.left(now) <= 0.0]:
            if switch not in self.switches or not self.guard_alive:
                continue
            self.switches.remove(switch)
            if self.ledger["written"] > switch.fence:
                continue  # a newer holder has written since: its split is the one that counts
            self.switches = [one for one in self.switches if one.number > switch.number]
            self.ledger = rules.fired(self.ledger, _body(switch), now, restored=True)
            self._apply(switch.split, switch.generation, "guard", switch.fence)
            self.watcher.fired(self, switch)

    def _apply(self, split: Split, generation: int, by: str, fence: int) -> None:
        self.watcher.writing(self)
        before, self.split, self.generation = self.split, split, generation
        self.watcher.written(self, before, by, fence)

    def _expect_writer(self, fence: int, now: Now) -> None:
        try:
            rules.writer(self.ledger, fence, now)
        except Refusal as refusal:
            raise _error(refusal) from None
        for switch in self.switches:
            if switch.fence == fence and switch.left(now) <= 0.0:
                raise FencedError("the router's own timer ran out and restores the split before", code="fired")

    def _armed(self, fence: int) -> FakeSwitch | None:
        for switch in self.switches:
            if switch.fence == fence:
                return switch
        return None

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers


def _allowed(rule: Callable[[], T]) -> T:
    try:
        return rule()
    except Refusal as refusal:
        raise _error(refusal) from None


def _error(refusal: Refusal) -> ReleaserError:
    return ERRORS[refusal.kind](refusal.message, fix=refusal.fix, code=refusal.code)


def _body(switch: FakeSwitch) -> dict[str, Any]:
    return {
        "fence": switch.fence,
        "n": switch.number,
        "rehearsal": switch.rehearsal,
        "split": dict(switch.split.weights),
        "generation": switch.generation,
    }
