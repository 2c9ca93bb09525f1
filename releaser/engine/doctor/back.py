"""Is there a way back, and does it need nothing that may be missing? Planned from the ledgers alone, behind walls.

The walls stand where a release looks up secrets and counts requests: whatever asks there is noted, and refused.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from releaser.config.compile_back import compile_rollback
from releaser.config.observed import Refusals, Unchanged
from releaser.core.phrases import say_seconds
from releaser.core.plan import Plan, Undo
from releaser.core.values import Binding
from releaser.engine.doctor.finding import Finding, fail, ok, warn
from releaser.errors import ReleaserError
from releaser.ports import World

if TYPE_CHECKING:
    from releaser.engine.observe import Observed
    from releaser.engine.session import Session
    from releaser.engine.wiring import Wiring

__all__ = ["Walls", "back_findings", "walled_world"]


ALONE = "by the ledgers alone, with every store of secrets and every counter walled off"


class WalledError(ReleaserError):
    """Something on the way back asked for what may be away."""


@dataclass(slots=True)
class Walls:
    """What was asked for behind them: it must stay empty."""

    asked: list[str] = field(default_factory=list)

    def refuse(self, what: str) -> NoReturn:
        self.asked.append(what)
        raise WalledError(f"the way back asked for {what}", code="walled")

    def counter(self) -> "WalledCounters":
        return WalledCounters(self)


@dataclass(frozen=True, slots=True)
class WalledCounters:
    """Implements ports.Counters as one that is away."""

    walls: Walls

    def count(self, binding: Binding, *, within: float) -> NoReturn:  # noqa: ARG002 - as the port has it
        self.walls.refuse("counters")


def walled_world(wiring: "Wiring", walls: Walls) -> World:
    """The world as a rollback makes it: without an artifact, and here without secrets and counters. Raises WalledError."""
    registry = wiring.registry.walled("secrets", lambda kind: walls.refuse(f"secrets of kind {kind}"))
    made = replace(wiring, registry=registry, probes=True).world()
    sites = {name: replace(site, counters=walls.counter()) for name, site in made.sites.items()}
    return replace(made, sites=sites)


def back_findings(
    session: "Session",
    observed: "Observed",
    walls: Walls,
    undo: Undo | None,
    placed: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """The way back as it would be planned now. `placed`: the releases that each host could start, by its label."""
    plan = compile_rollback(
        session.environment,
        session.seen(observed),
        running=observed.running() if observed.slots else None,
    )
    if walls.asked:
        needs = f"the way back asks for {' and '.join(sorted(set(walls.asked)))}, which may be away when it is needed"
        yield fail("way back", "", needs, "report this: it is a defect of releaser", code="walled")
    elif isinstance(plan, Refusals):
        yield warn("way back", "", "; ".join(item.why for item in plan.items), *plan.items[0].fix)
    elif isinstance(plan, Unchanged):
        yield ok("way back", "", f"{plan.why} ({ALONE})")
    else:
        yield from _planned(plan, _budget(session), undo, placed)


def _planned(
    plan: Plan, budget: float | None, undo: Undo | None, placed: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    how = "cold: it must be started first" if plan.cold else "warm"
    took = (
        f"; it took {say_seconds(undo.seconds)} when it was last rehearsed"
        if undo and undo.seconds is not None
        else "; not measured yet"
    )
    if undo and undo.seconds is not None and budget is not None and undo.seconds > budget:
        slow = (
            f"the way back took {undo.seconds:.1f} s when it was last rehearsed, and {budget:g} s is what it may take"
        )
        yield fail(
            "way back",
            "",
            slow,
            "raise budget.rollback in the playbook, or find out what is slow",
            code="slow-rollback",
        )
    else:
        yield ok("way back", "", f"to {plan.to.id}, {how}{took} ({ALONE})")
    missing = [label for label, releases in sorted(placed.items()) if plan.cold and plan.to.id not in releases]
    for label in missing:
        gone = f"{plan.to.id} is not on this host any more, so going back to it would fail here"
        yield fail("way back", label, gone, "raise fleet.keep, and promote a good version", code="not-placed")


def _budget(session: "Session") -> float | None:
    try:
        return session.playbook().budget.rollback
    except ReleaserError:  # said by its own line
        return None
