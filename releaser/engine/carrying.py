"""How is a plan carried out in this process, and a rollout taken over whose process died?"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from releaser.config.read import read_resolved
from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.engine.behind import is_repair
from releaser.engine.drive import Driver
from releaser.engine.recover import take_over
from releaser.engine.resolve import expect_versions, resolve_headers, secret_headers
from releaser.ports import LedgerState, World
from releaser.store.absent import AbsentJournal
from releaser.store.sqlite import SqliteJournal
from releaser.store.summaries import Summary

if TYPE_CHECKING:
    from releaser.engine.session import Session, Show

__all__ = ["abandoned", "carry", "clear_the_way", "new_rollout", "recover", "world_for"]


@runtime_checkable
class Closeable(Protocol):
    """What holds something open."""

    def close(self) -> None: ...


def carry(session: "Session", plan: Plan, *, reason: str, show: "Show", timeout: float | None) -> Rollout:
    """To the plan's end."""
    opened = e.Opened(plan, session.by, reason)
    if plan.kind != "promote" and show.notice is not None:
        for place in secret_headers(session.environment, session.registry).values():
            show.notice(f"{place} is a secret, which a way back does not look up: any answer of the application counts")
    with closing_probes(world_for(session, plan)) as world:
        journal = session.journal if plan.kind == "promote" else session.journal_or_none
        return _driver(session, journal, world, show, timeout).start(new_rollout(plan.to.version), opened)


def recover(session: "Session", *, finish: bool, reason: str, show: "Show") -> list[Rollout]:
    """Take over every rollout of this environment that is open in the journal and has no living holder."""
    done = []
    for summary in abandoned(session):
        state = take_over(session.journal, summary.rollout)
        frozen = (
            read_resolved(json.loads(state.plan.config), session.registry) if state.plan.config else session.environment
        )
        wiring = replace(session.wiring, environment=frozen, shells={}, routers={})
        if finish:
            headers = resolve_headers(frozen, session.registry, session.folder, session.environ)
            wiring = replace(wiring, told=headers.told)
        with closing_probes(wiring.world(session.journal_head)) as world:
            driver = _driver(session, session.journal, world, show, None)
            done.append(driver.take_over(state, by=session.by, finish=finish, reason=reason))
    return done


def abandoned(session: "Session") -> list[Summary]:
    """Open rollouts whose holder no router calls alive. While no router answers nobody can say, so there are none."""
    ledgers = session.observe().ledgers.values()
    if not ledgers:
        return []
    alive = {ledger.holder.rollout for ledger in ledgers if ledger.holder and ledger.holder.left > 0}
    dead = [summary for summary in session.journal.open_rollouts(session.name) if summary.rollout not in alive]
    return [summary for summary in dead if not _just_begun(session, summary)]


def clear_the_way(session: "Session", show: "Show") -> list[Rollout]:
    """Take back what a dead process left in the middle: by this journal, else by the ledgers alone. Changes nothing else."""
    done = recover(session, finish=False, reason="a new release needs the way free", show=show)
    if any(map(is_repair, session.observe().ledgers.values())):
        session.bring_back(wait=time.sleep)
    ledgers: Mapping[str, LedgerState] = session.observe().ledgers
    if any(one.candidate is not None and not (one.holder and one.holder.left > 0) for one in ledgers.values()):
        plan = session.plan_rollback(mark_bad=False, freeze=0.0, calling_off=True)
        if isinstance(plan, Plan):
            done.append(carry(session, plan, reason="a release was left in the middle", show=show, timeout=None))
    return done


def new_rollout(version: str) -> str:
    """A name that no other rollout has, and that says what it brings."""
    return f"{version}.{secrets.token_hex(4)}"


def close_probes(world: World) -> None:
    """Some probes keep connections warm."""
    for probe in world.probes.values():
        if isinstance(probe, Closeable):
            probe.close()


@contextmanager
def closing_probes(world: World) -> Iterator[World]:
    try:
        yield world
    finally:
        close_probes(world)


def _just_begun(session: "Session", summary: Summary) -> bool:
    """It has not taken a router yet and may be about to: its process is given the time of a lease."""
    state = take_over(session.journal, summary.rollout)
    now = session.clock.moment()
    return not state.fence and state.boot == now.boot and now.at - state.opened < state.plan.budget.deadman


def world_for(session: "Session", plan: Plan) -> World:
    """With the artifact and the secrets that placing needs; a rollback gets along without both where it can."""
    wiring = session.wiring
    if plan.kind == "promote":
        expect_versions(session.secrets, plan.to)
        wiring = replace(wiring, artifact=session.artifact(plan.to.version), told=session.secrets.told)
    return wiring.world(session.journal_head)


def _driver(
    session: "Session", journal: SqliteJournal | AbsentJournal, world: World, show: "Show", timeout: float | None
) -> Driver:
    return Driver(journal, world, session.clock, show.listeners, timeout, show.notice, show.turned)
