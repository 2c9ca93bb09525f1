"""How does a host that was away come to the committed release, and a router to what was decided without it? Safe to repeat.

Hosts first: placed where it is missing, started, ready; only then do routers send requests there.
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from releaser.config.compile import health_rule
from releaser.config.observed import slot_of
from releaser.core.absent import Missing
from releaser.core.commands import Acquire, Collect, Place, Settle, Settlement, Shift, Start
from releaser.core.decision import HOME_GENERATION, generation_of
from releaser.core.events import Acquired, Collected, EffectFailed, Event, Settled, Shifted, Started
from releaser.core.plan import HealthRule
from releaser.core.values import Outcome, Release, Slot, Split
from releaser.engine.behind import REPAIR, Behind, as_repaired, behind, left_out, newest_ledger, routers_behind
from releaser.engine.carrying import closing_probes
from releaser.engine.observe import Observed
from releaser.engine.upkeep import Log, end_the_dead, logged, upkeep_plan
from releaser.errors import ConfigError, PortError, RefusedError, ReleaserError
from releaser.ports import Claim, LedgerState, Settling, World

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Brought", "bring_back"]

PLACING, STARTING, WITHIN = 900.0, 60.0, 10.0
LEASE = 20.0


@dataclass(frozen=True, slots=True)
class Brought:
    """Who was behind `release` and is not any more, and who still is."""

    release: str
    hosts: tuple[Behind, ...] = ()
    routers: tuple[str, ...] = ()
    still: tuple[Behind, ...] = ()
    silent: tuple[str, ...] = ()
    """Routers that did not answer."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What every host is brought to: by the newest ledger's word, under its fence, in its slot."""

    release: Release
    slot: Slot
    fence: int
    health: HealthRule
    keep_warm: float


def bring_back(session: "Session", *, wait: Callable[[float], None]) -> Brought | None:
    """None where nothing is committed. Raises RefusedError where the ledgers do not know the release well enough."""
    observed = session.observe()
    end_the_dead(session, {one.rollout for one in observed.ledgers.values() if one.holder and one.holder.left > 0})
    closed = as_repaired(observed)
    newest = newest_ledger(closed)
    if newest is None or newest.current is None:
        return None
    strays, late = routers_behind(observed), behind(closed)
    silent = tuple(sorted(session.world.sites.keys() - observed.ledgers.keys()))
    if not strays and all(one.away for one in late):
        return Brought(newest.current, still=late, silent=silent if late else ())
    aim = _aim(session, newest)
    rollout, binding = f"{REPAIR}{secrets.token_hex(4)}", tuple(sorted(newest.slots.items()))
    with closing_probes(_world(session, aim.release)) as world:
        plan = upkeep_plan("recover", session.name, aim.release, binding, world)
        with logged(session, rollout, plan, urgent=True) as log:
            done, still = _bring_all(world, late, aim, wait, log)
            wanted = {name: _without(closed, name.partition("/")[0], done, still) for name in observed.ledgers}
            changed = [name for name in sorted(wanted) if name in strays or wanted[name] != _known(observed, name)]
            if changed:
                _tell(world, observed, newest, {name: wanted[name] for name in changed}, log)
            failed = [one.host for one in still if not one.away]
            log.end(Outcome.ERROR if failed else Outcome.UNCHANGED, _said(done, changed, failed))
    return Brought(newest.current, done, tuple(changed), still, silent)


def _bring_all(
    world: World, late: Sequence[Behind], aim: Aim, wait: Callable[[float], None], log: Log
) -> tuple[tuple[Behind, ...], tuple[Behind, ...]]:
    """(who came, who is still behind and why), all hosts that answer side by side."""
    asked = [one for one in late if not one.away]
    for target in sorted({one.target for one in asked}):
        log.intend(Place(target), Start(target, aim.release.id, aim.slot), Collect(target, aim.release.id))
    words = world.together([partial(_bring, world, one, aim, wait) for one in asked])
    tried = dict(zip(asked, words, strict=True))
    done = tuple(one for one, word in tried.items() if not word)
    still = tuple(replace(one, why=tried.get(one) or one.why) for one in late if one not in done)
    for target in sorted({one.target for one in asked}):
        log.say(*_came_of_it(target, aim, done, [one for one in still if one.target == target]))
    return done, still


def _came_of_it(target: str, aim: Aim, done: Sequence[Behind], still: Sequence[Behind]) -> Sequence[Event]:
    """Of the orders to one target: nothing is said to be there that came to no host."""
    if all(one.target != target for one in done):
        why = "; ".join(f"{one.host}: {one.why}" for one in still)
        return [EffectFailed(Start(target, aim.release.id, aim.slot), 1, "failed", why)]
    without = tuple(Missing(one.host, "unreachable" if one.away else "failed", one.why) for one in still)
    return [Started(target, aim.release.id, without), Collected(target, aim.release.id)]


def _said(done: Sequence[Behind], routers: Sequence[str], failed: Sequence[str]) -> str:
    brought = ", ".join(one.host for one in done)
    parts = [f"{brought} came to it"] if done else []
    parts += [f"{', '.join(routers)} told anew who has it"] if routers else []
    parts += [f"still behind: {', '.join(failed)}"] if failed else []
    return "; ".join(parts) or "nobody who is behind answers"


def _aim(session: "Session", newest: LedgerState) -> Aim:
    current = str(newest.current)
    release, slot = newest.releases.get(current), slot_of(newest, current)
    if release is None or slot is None:
        raise RefusedError(
            f"the ledgers of {session.name} name {current} and do not know its digests or its slot",
            code="unknown-release",
            fix=(f"releaser status -e {session.name}",),
        )
    fleet = session.environment.fleet
    return Aim(release, slot, newest.fence, health_rule(session.environment), fleet.keep_warm)


def _world(session: "Session", release: Release) -> World:
    """With the artifact, where what lies here is that very release; a host that still has it needs none."""
    wiring = session.wiring
    try:
        if session.release(release.version).id == release.id:
            artifact = session.artifact(release.version)
            wiring = replace(wiring, artifact=artifact, told=session.secrets.told)
    except (ConfigError, RefusedError):
        pass  # the host that needs it says so, by name
    return wiring.world(session.journal_head)


def _bring(world: World, one: Behind, aim: Aim, wait: Callable[[float], None]) -> str:
    """Why it did not come to the release; empty: it did, and is ready."""
    target: Any = world.targets[one.target]
    alone, others = target.only({one.host}), _all_hosts(target) - {one.host}
    try:
        _make_room(alone, aim)
        alone.place(aim.release, fence=aim.fence, within=PLACING)
        alone.start(aim.release, aim.slot, fence=aim.fence, within=STARTING)
        _retire_the_other(alone, aim)
    except PortError as error:
        return f"{error.message}{' (to mend it: ' + ', or '.join(error.fix) + ')' if error.fix else ''}"
    unready = _unready(world.probes[one.target], aim, others, wait)
    if unready:
        return f"{aim.release.version} was started there and is not ready: {unready}"
    return _collected(alone, aim)


def _make_room(alone: Any, aim: Aim) -> None:
    """No router sends requests to another release in this slot: the hosts that could be asked wrongly are left out."""
    for held in alone.inspect(within=WITHIN):
        for other in held.busy if held.slot == aim.slot else ():
            if other != aim.release.id:
                alone.stop(other, held.slot, fence=aim.fence, after=0.0, within=WITHIN)


def _retire_the_other(alone: Any, aim: Aim) -> None:
    """What it went on with while it was away ends as it does on the other hosts."""
    for held in alone.inspect(within=WITHIN):
        for old in held.busy if held.slot != aim.slot and not held.ending else ():
            alone.stop(old, held.slot, fence=aim.fence, after=aim.keep_warm, within=WITHIN)


def _collected(alone: Any, aim: Aim) -> str:
    """The link `current` and the unit that a boot starts."""
    try:
        alone.collect(aim.release.id, None, fence=aim.fence, within=WITHIN)
    except PortError as error:
        return error.message
    return ""


def _unready(probe: Any, aim: Aim, others: Collection[str], wait: Callable[[float], None]) -> str:
    """The last bad answer; empty once it has passed as often as a release must."""
    until, passes, said = time.monotonic() + aim.health.ready_within, 0, "no answer"
    while passes < aim.health.passes:
        if time.monotonic() > until:
            return said
        reading = probe.read(aim.release, aim.slot, within=aim.health.timeout, without=others)
        passes, said = (passes + 1, said) if reading.passed else (0, reading.detail)
        wait(aim.health.every)
    return ""


def _all_hosts(target: Any) -> frozenset[str]:
    return frozenset(target.names())


def _known(observed: Observed, router: str) -> frozenset[str]:
    ledger = observed.ledgers[router]
    return frozenset(ledger.away.get(ledger.current, ())) if ledger.current else frozenset()


def _tell(
    world: World, observed: Observed, newest: LedgerState, wanted: Mapping[str, frozenset[str]], log: Log
) -> None:
    """These routers send everything to the committed release, and nothing to the hosts without it. In order, or none."""
    release = newest.releases[str(newest.current)]
    fence = 1 + max(state.fence for state in observed.ledgers.values())
    binding = tuple(sorted(newest.slots.items()))
    claim = Claim(world.holder, log.rollout, release, None, binding, LEASE, playbook="recover")
    # A person who asks for the way back again must still be told that it was gone already.
    ended: Settlement = "reverted" if newest.settled and newest.settled[1] == "reverted" else "committed"
    taken: list[str] = []
    try:
        log.intend(Acquire(force=True))
        for name in wanted:
            world.sites[name].ledger.acquire(claim, fence, force=True, within=WITHIN)
            taken.append(name)
        log.say(Acquired(fence, tuple(wanted)))
        for name, without in wanted.items():
            site, away = world.sites[name], {release.id: without} if without else None
            split, generation = Split.all_to(release.id), generation_of(fence, HOME_GENERATION)
            log.intend(Shift(name, split, generation), Settle(name, ended))
            site.router.shift(split, binding, generation, fence=fence, within=WITHIN, away=away)
            settling = Settling(ended, log.rollout, release.id, away=tuple(sorted(without)))
            site.ledger.settle(settling, fence=fence, within=WITHIN)
            taken.remove(name)
            log.say(Shifted(name, split, generation), Settled(name, ended))
    finally:
        for name in taken:
            with suppress(ReleaserError):
                world.sites[name].ledger.settle(Settling("cancelled", log.rollout, None), fence=fence, within=WITHIN)


def _without(observed: Observed, target: str, done: tuple[Behind, ...], still: tuple[Behind, ...]) -> frozenset[str]:
    """Who goes without the release from now on: those who did and were not brought, and those who were asked and failed."""
    brought = {one.host for one in done if one.target == target}
    failed = {one.host for one in still if one.target == target and not one.away}
    without = (left_out(observed, target) - brought) | failed
    every = {host for state in observed.slots.get(target, ()) for host in state.hosts}
    return left_out(observed, target) if every <= without else without  # a router sends its requests somewhere
