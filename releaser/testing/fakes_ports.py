"""What does the engine see of a `FakeSite`? The ports to it, every call of them over a line that may lose or delay it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from releaser.core.absent import Away
from releaser.core.values import Binding, Counts, Split
from releaser.ports import Claim, LedgerState, Renewal, RouterState, Settling, Site
from releaser.testing.fakes_line import Line
from releaser.testing.fakes_site import FakeSite

__all__ = ["site_ports"]


def site_ports(site: FakeSite, line: Line) -> Site:
    """The ports to `site`, every call of them over `line`."""
    return Site(_Router(site, line), _Counters(site, line), _Switch(site, line), _Ledger(site, line))


@dataclass(frozen=True, slots=True)
class _Router:
    site: FakeSite
    line: Line

    def read(self, binding: Binding, *, within: float) -> RouterState:
        return self.line.carry("read", self.site.show, within)

    def shift(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: Away | None = None
    ) -> RouterState:
        return self.line.carry("shift", partial(self.site.write, split, generation, fence, away), within)


@dataclass(frozen=True, slots=True)
class _Counters:
    site: FakeSite
    line: Line

    def count(self, binding: Binding, *, within: float) -> Mapping[str, Counts]:
        return self.line.carry("count", self.site.meter, within)


@dataclass(frozen=True, slots=True)
class _Switch:
    site: FakeSite
    line: Line

    def rehearse(
        self, split: Split, binding: Binding, generation: int, *, fence: int, within: float, away: Away | None = None
    ) -> float:
        return self.line.carry("rehearse", partial(self.site.rehearse, split, generation, fence), within)

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
        return self.line.carry("arm", partial(self.site.arm, split, generation, fence, timer), within)

    def renew(self, *, fence: int, within: float) -> Renewal:
        return self.line.carry("renew", partial(self.site.renew, fence), within)


@dataclass(frozen=True, slots=True)
class _Ledger:
    site: FakeSite
    line: Line

    def read(self, *, within: float) -> LedgerState:
        return self.line.carry("ledger", self.site.read, within)

    def acquire(self, claim: Claim, fence: int, *, force: bool, within: float) -> LedgerState:
        return self.line.carry("acquire", partial(self.site.acquire, claim, fence, force=force), within)

    def settle(self, settling: Settling, *, fence: int, within: float) -> LedgerState:
        return self.line.carry("settle", partial(self.site.settle, settling, fence), within)

    def edit(self, change: Mapping[str, Any], *, within: float) -> LedgerState:
        return self.line.carry("edit", partial(self.site.edit, change), within)
