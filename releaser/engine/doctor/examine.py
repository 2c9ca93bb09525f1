"""What would a release, and the way back from it, meet? Every host is asked once, all at the same time; nothing is changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any

from releaser.config.observed import drift, slot_of
from releaser.engine.carrying import closing_probes
from releaser.engine.doctor.asking import Asked, asked_of
from releaser.engine.doctor.back import WalledError, Walls, back_findings, walled_world
from releaser.engine.doctor.finding import CHECKS, Finding, fail
from releaser.engine.doctor.here import journal_findings, open_journal, playbook_findings, secret_findings
from releaser.engine.doctor.hosts import allowed, boot_findings, host_findings, silent_finding, slot_findings
from releaser.engine.doctor.routers import guard_finding, ledger_finding, router_finding, setting_findings
from releaser.engine.doctor.visitors import Visitors, visitors_of
from releaser.engine.observe import Looked, Observed, look
from releaser.engine.past import measured_undo
from releaser.engine.standing import as_started, idle_routers, stable_trouble
from releaser.errors import RefusedError, ReleaserError
from releaser.shell.questions import PARALLEL
from releaser.store.sqlite import SqliteJournal

if TYPE_CHECKING:
    from releaser.engine.session import Session
    from releaser.engine.wiring import Wiring
    from releaser.ports import World

__all__ = ["Examination", "examine", "in_order"]

TURN = 10.0
"""Seconds for a login that nobody answers. Of many hosts so many are asked at once, the others in later turns."""
ANSWER = 10.0
"""Seconds more for what a router's program needs to read its configuration."""
Told = Mapping[str, Any]
"""By label: a host's facts, or the error that kept it from telling them."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Findings in the order of the questions, then of the hosts."""

    environment: str
    findings: tuple[Finding, ...]
    hosts: int
    """How many were asked."""
    seconds: float


def examine(session: "Session", only: Collection[str] | None = None) -> Examination:
    """`only`: names of hosts; then nothing is said of this machine and of the way back. Raises ConfigError."""
    began = monotonic()
    environment = session.environment
    paths = {name: session.wiring.path_of(target) for name, target in environment.targets.items()}
    asked = [one for one in asked_of(environment, paths) if only is None or one.host in only]
    visitors, walls = visitors_of(session.wiring), Walls()
    wiring = replace(session.wiring, shells=dict(visitors), routers={}, probes=False)
    with closing_probes(_world(wiring, walls, only)) as world:
        questions = [one.question(visitors[one.target, one.host]) for one in asked]
        looked = look(world, questions, within=TURN * ceil(len(questions) / PARALLEL) + ANSWER)
    told = dict(zip((one.label for one in asked), looked.beside, strict=True))
    observed, idle, found = _observed(wiring, looked.observed())
    found += _of_hosts(asked, told, visitors, observed)
    found += _of_routers(session, asked, told, looked, idle)
    if only is None:
        found += _of_the_whole(session, told, observed, walls)
    return Examination(
        session.name,
        in_order(allowed(found, asked, environment)),
        len({one.host for one in asked}),
        monotonic() - began,
    )


def _world(wiring: "Wiring", walls: Walls, only: Collection[str] | None) -> "World":
    """As a rollback makes it, behind walls. Whoever asks for single hosts needs no more than their routers."""
    try:
        world = walled_world(wiring, walls)
    except WalledError:  # it is said by the line of the way back
        world = wiring.world()
    if only is None:
        return world
    sites = {name: site for name, site in world.sites.items() if name.partition("/")[2] in only}
    return replace(world, sites=sites, targets={})


def _observed(wiring: "Wiring", observed: Observed) -> tuple[Observed, frozenset[str], list[Finding]]:
    """Routers of ours that stand still count as started; a stranger on the port of one is a finding."""
    try:
        idle = idle_routers(wiring, observed)
    except RefusedError as stranger:
        return observed, frozenset(), [fail("ports", "", stranger.message, *stranger.fix, code=stranger.code)]
    return as_started(observed, idle), idle, []


def _of_hosts(asked: Sequence[Asked], told: Told, visitors: Visitors, observed: Observed) -> Iterator[Finding]:
    newest = max(observed.ledgers.values(), key=lambda ledger: ledger.fence, default=None)
    slot = slot_of(newest, newest.current) if newest and newest.current else None
    for one in asked:
        facts = told[one.label]
        if isinstance(facts, ReleaserError):
            yield silent_finding(one, facts)
            continue
        yield from host_findings(one, facts, visitors[one.target, one.host].span if one.ssh else None)
        if facts.get("target"):
            yield from slot_findings(one, facts)
            yield from boot_findings(one, facts, slot)


def _of_routers(
    session: "Session", asked: Sequence[Asked], told: Told, looked: Looked, idle: Collection[str]
) -> Iterator[Finding]:
    for one in asked:
        name, target = f"{one.target}/{one.host}", session.environment.targets[one.target]
        if not one.routes or isinstance(told[one.label], ReleaserError):
            continue
        ledger = looked.ledgers[name]
        settings = list(setting_findings(one, target.router, told[one.label]))
        yield from settings
        yield ledger_finding(one.label, ledger, session.name)
        if isinstance(ledger, ReleaserError):
            continue
        yield guard_finding(one.label, ledger, session.name)
        if not any(said.check == "socket" and said.level == "FAIL" for said in settings):  # it could not even be asked
            yield router_finding(one.label, looked.routers[name], idle=name in idle)


def _of_the_whole(session: "Session", told: Told, observed: Observed, walls: Walls) -> Iterator[Finding]:
    """What no single host can say."""
    seen = session.seen(observed)
    for refusal in (
        drift(session.name, answered) if (answered := [one for one in seen if one.ledger and one.state]) else ()
    ):
        yield fail("router", "", refusal.why, *refusal.fix, code=refusal.code)
    silent = any(isinstance(facts, ReleaserError) for facts in told.values())
    trouble = stable_trouble(observed, session.environment.fleet)
    if trouble and not silent:  # of a host that could not be asked nobody knows what runs there
        current = next(ledger.current for ledger in observed.ledgers.values() if ledger.current)
        again = f"releaser rollback -e {session.name} --to {current}"
        yield fail(
            "slots", "", f"{current} is the stable release and does not serve: {trouble}", again, code="stable-down"
        )
    yield from playbook_findings(session)
    yield from secret_findings(session)
    journal, undo = open_journal(session), None
    if isinstance(journal, SqliteJournal):
        try:
            found = list(journal_findings(journal, observed.ledgers))
            yield from found
            undo = measured_undo(journal, session.name) if all(one.level != "FAIL" for one in found) else None
        finally:
            journal.close()
    else:
        yield journal
    placed = {label: facts["target"]["releases"] for label, facts in told.items() if _runs(facts)}
    yield from back_findings(session, observed, walls, undo, placed)


def in_order(found: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda one: CHECKS.index(one.check)))


def _runs(facts: Any) -> bool:
    return not isinstance(facts, ReleaserError) and bool(facts.get("target"))
