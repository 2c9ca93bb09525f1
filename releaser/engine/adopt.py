"""Taking in what already serves: it becomes the stable release, its process and its traffic untouched."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from releaser.config.environment import Environment, config_digest
from releaser.core.commands import Acquire, Collect, Settle, Shift
from releaser.core.decision import HOME_GENERATION, generation_of
from releaser.core.events import Acquired, Collected, Settled, Shifted
from releaser.core.values import SLOTS, Outcome, Release, Slot, Split
from releaser.engine.observe import Observed
from releaser.engine.upkeep import Log, logged, upkeep_plan
from releaser.errors import FailedError, RefusedError, UsageError
from releaser.ports import Claim, LedgerState, Settling, World

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Adopted", "adopt"]

WITHIN = 10.0
LEASE = 20.0


@dataclass(frozen=True, slots=True)
class Adopted:
    """What serves here from now on by the ledgers' word, and in which slot."""

    release: str
    version: str
    slot: Slot


def adopt(session: "Session", world: World, observed: Observed, version: str | None) -> Adopted:
    """Find the slot that serves, name its release for what it reports (or `version`), write it down on hosts and routers.

    Raises RefusedError where releaser has released here already or nothing serves, and UsageError for a version that is none.
    """
    environment = session.environment
    known = {state.current for state in observed.ledgers.values() if state.current}
    if known:
        raise RefusedError(
            f"{environment.name} has the release {', '.join(sorted(known))} already: there is nothing to adopt",
            code="not-empty",
            fix=(f"releaser status -e {environment.name}",),
        )
    if observed.silent:
        silent = "; ".join(f"{name}: {why}" for name, why in sorted(observed.silent.items()))
        raise FailedError(f"not everything answers, and adopting a part is no good: {silent}")
    slot, reported = _serving(environment, world)
    release = _release(environment, version or reported)
    fence = 1 + max((state.fence for state in observed.ledgers.values()), default=0)
    plan = upkeep_plan("adopt", environment.name, release, ((slot, release.id),), world)
    with logged(session, f"adopt.{secrets.token_hex(4)}", plan, urgent=False) as log:
        for name, target in sorted(world.targets.items()):
            log.intend(Collect(name, release.id))
            target.adopt(release.id, slot, fence=fence, within=WITHIN)  # type: ignore[attr-defined]  # of targets that can
            log.say(Collected(name, release.id))
        for name in sorted(world.sites):
            _record(world, name, release, slot, fence, observed.ledgers[name], log)
        log.end(Outcome.UNCHANGED, f"what serves in slot {slot} is the stable release from now on")
    return Adopted(release.id, release.version, slot)


def _serving(environment: Environment, world: World) -> tuple[Slot, str]:
    """The one slot on whose port every target answers, and the version that it reports (empty: it does not say)."""
    asked = Release.of("adopted", sha256(b"").hexdigest(), config_digest(environment))
    found = []
    for slot in SLOTS:
        readings = [probe.read(asked, slot, within=WITHIN) for probe in world.probes.values()]
        if all(reading.passed or reading.version for reading in readings):
            found.append((slot, readings[0].version))
    if len(found) != 1:
        what = (
            "nothing answers on the ports of either slot" if not found else "both slots answer, so which one is meant?"
        )
        raise RefusedError(what, code="adopt", fix=("correct `ports` and `probes.up`: releaser config --explain",))
    return found[0]


def _release(environment: Environment, version: str) -> Release:
    """Nobody knows the artifact of what was there before us: its digest stands for that."""
    try:
        artifact = sha256(f"adopted {environment.app} {version}".encode()).hexdigest()
        return Release.of(version or "adopted", artifact, config_digest(environment))
    except ValueError as error:
        raise UsageError(f"{error}; name it with --version", code="version") from error


def _record(world: World, name: str, release: Release, slot: Slot, fence: int, ledger: LedgerState, log: Log) -> None:
    """One router: a router of our own that serves nothing yet is pointed there; any other must send everything there."""
    site, binding, split = world.sites[name], ((slot, release.id),), Split.all_to(release.id)
    state = site.router.read(binding, within=WITHIN)
    if state.split not in (None, split):
        raise RefusedError(
            f"{name} does not send everything to slot {slot}: it serves {state.split}",
            code="adopt",
            fix=("send all traffic to one slot first",),
        )
    claim = Claim(log.session.by, log.rollout, release, None, binding, LEASE, expected_fence=ledger.fence)
    generation = generation_of(fence, HOME_GENERATION)
    log.intend(Acquire())
    site.ledger.acquire(claim, fence, force=False, within=WITHIN)
    log.say(Acquired(fence, (name,)))
    log.intend(Shift(name, split, generation), Settle(name, "committed"))
    site.router.shift(split, binding, generation, fence=fence, within=WITHIN)
    site.ledger.settle(Settling("committed", log.rollout, release.id), fence=fence, within=WITHIN)
    log.say(Shifted(name, split, generation), Settled(name, "committed"))
