"""Which hosts go without a release by what the ledgers remember, and is the fleet's allowance one that its routers can keep? Pure."""

from collections.abc import Collection, Sequence
from typing import Any

from releaser.config.environment import Environment, router_refs
from releaser.config.observed import Refusal, Seen
from releaser.core.plan import Absence
from releaser.core.values import Binding

__all__ = ["absences", "cannot_leave_out"]


def absences(environment: Environment, observed: Sequence[Seen], binding: Binding) -> tuple[Absence, ...]:
    """For each target and each release that a slot holds; the router that was written last knows."""
    target_of = {ref.name: ref.target for ref in router_refs(environment)}
    newest = {}
    for seen in sorted((one for one in observed if one.ledger), key=lambda one: one.ledger.fence if one.ledger else 0):
        newest[target_of[seen.router]] = seen.ledger
    return tuple(
        Absence(target, release, ledger.away[release])
        for target, ledger in sorted(newest.items())
        for _, release in binding
        if ledger is not None and ledger.away.get(release)
    )


def cannot_leave_out(environment: Environment, alike: Collection[str]) -> list[Refusal]:
    """Hosts may go without the release, but `alike` (targets) have a router that would send them requests all the same."""
    fleet = environment.fleet
    if not (fleet.max_failed or fleet.max_unreachable):
        return []
    found = []
    for name in sorted(alike):
        placed: Any = environment.targets[name].options
        if len(placed.hosts) > 1:
            kind = environment.targets[name].router.kind
            why = (
                f"the fleet lets hosts go without a release, but the {kind} of {name} sends requests to all hosts "
                "alike and would send them to those too"
            )
            fix = ("fleet: { max_unreachable: 0, max_failed: 0 }", "or a haproxy router, which leaves single hosts out")
            found.append(Refusal("leave-out", why, fix))
    return found
