"""What stands in the way of bringing this release here, and what helps? One function for each kind of reason. Pure."""

from collections.abc import Mapping, Sequence

from releaser.config.environment import Environment
from releaser.config.observed import Refusal, Seen
from releaser.config.playbook import Limits, Playbook
from releaser.core.values import Binding, Release, Slot
from releaser.ports import LedgerState

__all__ = [
    "GUARD_DELAY",
    "bad_before",
    "busy",
    "frozen",
    "mute_routers",
    "mute_targets",
    "occupied",
    "other_artifact",
    "slow_way_back",
    "stable_is_dead",
    "too_fine",
]

GUARD_DELAY = 1.0
"""Seconds from the end of a dead-man's timer to the restored split: the guard looks every 0.2 s, and then writes."""


def mute_routers(name: str, observed: Sequence[Seen]) -> list[Refusal]:
    """Routers without an answer: nothing that the others say makes a plan possible."""
    return [
        Refusal("unreachable", f"{seen.router} does not answer, so nothing can be planned", _look(name))
        for seen in observed
        if seen.ledger is None or seen.state is None
    ]


def mute_targets(name: str, silent: Mapping[str, str]) -> list[Refusal]:
    """`silent`: target -> why it gave no answer."""
    return [
        Refusal("unreachable", f"{target} does not answer, so nothing can be placed there: {why}", _look(name))
        for target, why in sorted(silent.items())
    ]


def busy(name: str, ledgers: Sequence[LedgerState]) -> list[Refusal]:
    """Another release is on its way, or one was left in the middle by a process that died."""
    for ledger in ledgers:
        holder = ledger.holder
        if ledger.environment not in ("", name):
            why = f"{ledger.router} belongs to the environment {ledger.environment}; two must not share a router"
            return [Refusal("other-environment", why, (f"releaser status -e {ledger.environment}",))]
        if holder is not None and holder.left > 0:
            why = f"{holder.name} brings {holder.release} to {name}; its lease has {holder.left:.0f} s left"
            fix = (
                f"releaser watch -e {name}",
                "releaser promote ... --wait-lock 15m",
                "releaser promote ... --supersede",
            )
            return [Refusal("lock-held", why, fix)]
        if ledger.candidate is not None:
            why = f"a release of {ledger.candidate} was left in the middle on {ledger.router}; it goes back first"
            return [Refusal("abandoned", why, (f"releaser recover -e {name}",))]
    return []


def stable_is_dead(name: str, stable: str, trouble: str, wanted: Release, *, hangs: bool) -> Refusal:
    """Nothing can be compared with a version that is down, and nothing is gained by going back to it.

    One that `hangs` runs, so that there is nothing to start again: what it does stands in its output.
    """
    again = f"releaser logs -e {name} --release {stable}" if hangs else f"releaser rollback -e {name} --to {stable}"
    anyway = f"releaser promote {wanted.version} -e {name} --stable-is-down --reason ..."
    why = f"{stable} is the stable release and does not serve: {trouble}"
    return Refusal("stable-down", why, (again,) if stable == wanted.id else (again, anyway))


def occupied(name: str, binding: Binding, candidate: str, taken: Mapping[Slot, str], *, first: bool) -> list[Refusal]:
    """The candidate's slot belongs to somebody else. Where nothing was released yet, that may be what is to be taken in."""
    slot = next(slot for slot, release in binding if release == candidate)
    if slot not in taken:
        return []
    adopt = (f"releaser adopt -e {name}",) if first else ()
    why = f"{taken[slot]}, which releaser did not start"
    return [Refusal("port-taken", why, (*adopt, "stop that process", "or give the target other `ports`"))]


def frozen(name: str, playbook: str, version: str, ledgers: Sequence[LedgerState]) -> list[Refusal]:
    """Somebody stopped all releases here but those by the playbooks that the freeze allows."""
    freeze = next((ledger.frozen for ledger in ledgers if ledger.frozen), None)
    if freeze is None or playbook in freeze.allow:
        return []
    until = "until somebody lifts it" if freeze.left is None else f"for {freeze.left:.0f} s more"
    fix = (
        f"releaser unfreeze -e {name} --reason ...",
        f"releaser promote {version} -e {name} --unfreeze --reason ...",
    )
    return [Refusal("frozen", f"{name} is frozen by {freeze.by} {until}: {freeze.reason}", fix)]


def bad_before(name: str, release: Release, ledgers: Sequence[LedgerState]) -> list[Refusal]:
    """The very same release was taken back once."""
    bad = next((ledger.bad[release.id] for ledger in ledgers if release.id in ledger.bad), None)
    if bad is None:
        return []
    again = f"releaser promote {release.version} -e {name} --retry-bad --reason ..."
    return [Refusal("bad", f"{release.id} was taken back before: {bad}", (again,))]


def other_artifact(environment: Environment, release: Release, ledgers: Sequence[LedgerState]) -> list[Refusal]:
    """The same version had another content before, where versions are not said to be mutable."""
    twins = {
        known.artifact for ledger in ledgers for known in ledger.releases.values() if known.version == release.version
    }
    others = sorted(twins - {release.artifact})
    if not others or environment.versions != "immutable":
        return []
    why = (
        f"version {release.version} has the artifact sha256:{release.artifact} now and had sha256:{others[0]} before; "
        "the same version is never two things"
    )
    return [Refusal("other-artifact", why, ("give the new artifact a new version", "versions: mutable"))]


def too_fine(playbook: Playbook, observed: Sequence[Seen]) -> list[Refusal]:
    """Steps that a router cannot do."""
    found: list[Refusal] = []
    for seen in observed:
        wrong = [step.weight for step in playbook.steps if step.weight % seen.finest]
        if wrong:
            why = f"{seen.router} cannot give {wrong[0]} % to a release: it moves in shares of {seen.finest} %"
            usable = f"use steps of {seen.finest}% and its multiples in the playbook {playbook.name}"
            found.append(Refusal("too-fine", why, (usable, "use a router that is finer")))
    return found


def slow_way_back(playbook: str, budget: Limits, measured: float | None) -> list[Refusal]:
    """Ways back that are slower than the budget for them; `measured`: the seconds of the last one, None: never measured."""
    found: list[Refusal] = []
    if budget.deadman + GUARD_DELAY > budget.rollback:
        why = (
            f"a router left alone goes back after {budget.deadman:g} s and {GUARD_DELAY:g} s more, "
            f"but the budget for the way back is {budget.rollback:g} s"
        )
        found.append(Refusal("slow-deadman", why, (f"lower budget.deadman in the playbook {playbook}",)))
    if measured is not None and measured > budget.rollback:
        why = (
            f"the way back took {measured:.1f} s when it was measured last, the budget for it is {budget.rollback:g} s"
        )
        found.append(Refusal("slow-rollback", why, (f"raise budget.rollback in the playbook {playbook}",)))
    return found


def _look(name: str) -> tuple[str, ...]:
    return (f"releaser status -e {name}",)
