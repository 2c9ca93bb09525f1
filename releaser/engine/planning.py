"""What would bring a version here, or take it back, by what is observed now? Asks the world, then lets the compiler decide."""

from typing import TYPE_CHECKING

from releaser.config.compile import compile_promotion
from releaser.config.compile_back import compile_rollback
from releaser.config.observed import Around, Refusals, Unchanged, Underway
from releaser.core.plan import Budget, Plan, Undo
from releaser.engine.answering import as_heard
from releaser.engine.doctor.preflight import observe_and_ask, with_refusals
from releaser.engine.past import check_journal, measured_undo
from releaser.engine.standing import as_started, idle_routers, stable_trouble, taken_slots
from releaser.errors import ConfigError, PortError, RefusedError

if TYPE_CHECKING:
    from releaser.engine.observe import Observed
    from releaser.engine.session import Session

__all__ = ["plan_back", "plan_forward"]


def plan_forward(
    session: "Session",
    version: str,
    *,
    playbook: str | None,
    retry_bad: bool,
    unfreeze: bool,
    stable_is_down: bool,
    start: bool,
) -> Plan | Refusals | Unchanged | Underway:
    """What would bring `version` here. `start` starts the routers that releaser runs itself; else nothing is changed."""
    chosen, release = session.playbook(playbook), session.release(version)
    if start:
        session.wiring.run_local_routers()
    asked = observe_and_ask(session)
    observed = as_started(asked.observed, idle_routers(session.wiring, asked.observed))
    check_journal(session.journal, observed)
    fleet = session.environment.fleet
    dead = stable_trouble(observed, fleet)
    mute = "" if dead or stable_is_down else stable_trouble(as_heard(session, observed), fleet)
    around = Around(
        undo=measured_undo(session.journal, session.name) or Undo(None),
        taken=taken_slots(observed),
        trouble=dead or mute,
        hangs=bool(mute),
        silent_targets={name: why for name, why in observed.silent.items() if name in session.world.targets},
        alike=session.wiring.alike(),
    )
    planned = compile_promotion(
        session.environment,
        chosen,
        release,
        session.seen(observed),
        around,
        stable_is_down=stable_is_down,
        retry_bad=retry_bad,
        unfreeze=unfreeze,
    )
    return with_refusals(planned, asked)


def plan_back(
    session: "Session", *, to: str | None, mark_bad: bool, freeze: float | None, calling_off: bool
) -> Plan | Refusals | Unchanged:
    """The way back, by whichever ledgers answer."""
    observed = _with_routers(session, session.observe())
    running = observed.running() if observed.slots else None
    return compile_rollback(
        session.environment,
        session.seen(observed),
        to=to,
        mark_bad=mark_bad,
        freeze=freeze,
        running=running,
        budget=_rollback_budget(session),
        calling_off=calling_off,
    )


def _with_routers(session: "Session", observed: "Observed") -> "Observed":
    """Routers of ours that stand still are started; where that fails, the way back is tried with what answers."""
    try:
        if not idle_routers(session.wiring, observed):
            return observed
        session.wiring.run_local_routers()
    except (RefusedError, PortError):
        return observed
    return session.observe()


def _rollback_budget(session: "Session") -> Budget | None:
    """As the environment's playbook states it; a playbook that cannot be read stops no rollback."""
    try:
        limits = session.playbook().budget
    except ConfigError:
        return None
    return Budget(limits.step, limits.release, limits.rollback, limits.deadman)
