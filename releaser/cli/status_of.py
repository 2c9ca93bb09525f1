"""What is known of one environment right now? Routers, ledgers and slots as they answer, and this machine's journal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from releaser.cli.follow import Following
from releaser.cli.views.history import summary_document
from releaser.config.choices import Choice, choices
from releaser.engine.behind import Behind, behind
from releaser.engine.observe import Observed
from releaser.engine.past import measured_undo
from releaser.engine.standing import as_started, idle_routers, stable_trouble
from releaser.errors import JournalCorruptError, JournalUnavailableError, RefusedError
from releaser.ports import LedgerState
from releaser.store.summaries import Summary

if TYPE_CHECKING:
    from releaser.core.plan import Undo
    from releaser.engine.session import Session

__all__ = ["State", "Status", "document_of", "exit_of", "status_of"]

State = Literal["unreachable", "empty", "running", "held", "abandoned", "differ", "down", "frozen", "serving"]
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Status:
    name: str
    state: State
    observed: Observed
    following: Following = field(default_factory=Following)
    """The open release's story, where this machine's journal has it."""
    choices: tuple[Choice, ...] = ()
    recent: tuple[Summary, ...] = ()
    """The last 24 h, newest first."""
    last: Summary | None = None
    undo: "Undo | None" = None
    trouble: str = ""
    """Why the stable release does not serve; empty: it does, or there is none."""
    idle: frozenset[str] = frozenset()
    """Routers that releaser itself runs and that stand still."""
    journal: str = ""
    """Why this machine's journal cannot be read; empty: it can."""
    behind: tuple[Behind, ...] = ()
    """Hosts that are not at the committed release."""

    @property
    def newest(self) -> LedgerState | None:
        """The ledger with the highest fence: the others are behind, not ahead."""
        return max(self.observed.ledgers.values(), key=lambda one: one.fence, default=None)


def status_of(session: "Session", wall: float) -> Status:
    observed, idle = _with_idle(session, session.observe())
    trouble = _trouble(session, observed, idle)
    newest = max(observed.ledgers.values(), key=lambda one: one.fence, default=None)
    past = _past(session, newest)
    return Status(
        session.name,
        _state(observed, newest, past.following, trouble),
        observed,
        past.following,
        choices(session.seen(observed)) if observed.ledgers else (),
        tuple(one for one in past.summaries if wall - one.opened < DAY),
        next(iter(past.summaries), None),
        past.undo,
        trouble,
        idle,
        past.problem,
        behind(observed),
    )


@dataclass(frozen=True, slots=True)
class Past:
    """What this machine's journal has; nothing, and the problem, where it cannot be read: that hides no router's answer."""

    following: Following = field(default_factory=Following)
    summaries: Sequence[Summary] = ()
    undo: "Undo | None" = None
    problem: str = ""


def _past(session: "Session", newest: LedgerState | None) -> Past:
    following = Following()
    try:
        if newest is not None and (newest.holder or newest.candidate):
            following.take_all(session.journal.read(newest.rollout))
        undo = measured_undo(session.journal, session.name) if newest and newest.current else None
        return Past(following, session.journal.rollouts(session.name, limit=20), undo)
    except (JournalUnavailableError, JournalCorruptError) as error:
        return Past(problem=error.message)


def _with_idle(session: "Session", observed: Observed) -> tuple[Observed, frozenset[str]]:
    """A router of ours that stands still is no riddle: it is known what it will do once it runs. A stranger is named."""
    try:
        idle = idle_routers(session.wiring, observed)
    except RefusedError as stranger:
        silent = {name: stranger.message if name in observed.ledgers else why for name, why in observed.silent.items()}
        return replace(observed, silent=silent), frozenset()
    return as_started(observed, idle), idle


def _trouble(session: "Session", observed: Observed, idle: frozenset[str]) -> str:
    said = [stable_trouble(observed, session.environment.fleet)]
    if any(ledger.current for ledger in observed.ledgers.values()):
        said += [f"the router {name} does not run" for name in sorted(idle)]
    return "; ".join(filter(None, said))


def _state(observed: Observed, newest: LedgerState | None, following: Following, trouble: str) -> State:
    if newest is None:
        return "unreachable"
    if any(one.holder and one.holder.left > 0 for one in observed.ledgers.values()):
        r = following.rollout
        return "held" if r and r.held else "running"
    found: tuple[tuple[State, bool], ...] = (
        ("abandoned", any(one.candidate for one in observed.ledgers.values())),
        ("differ", _differ(observed)),
        ("down", bool(trouble)),
        ("frozen", any(one.frozen for one in observed.ledgers.values())),
        ("serving", newest.current is not None),
    )
    return next((state for state, holds in found if holds), "empty")


def _differ(observed: Observed) -> bool:
    """Whether two routers send users to different releases, or one serves what its ledger does not say."""
    splits = {state.split for state in observed.routers.values()}
    strays = any(
        observed.ledgers[name].split not in (None, state.split)
        for name, state in observed.routers.items()
        if name in observed.ledgers
    )
    return len(splits) > 1 or strays


def exit_of(status: Status) -> int:
    """`status --check`."""
    codes: dict[State, int] = {"running": 8, "held": 9, "abandoned": 5, "differ": 5, "unreachable": 1, "down": 1}
    if status.state in codes:
        return codes[status.state]
    if status.observed.silent or status.journal or status.behind:
        return 1
    taken_back = (
        status.newest is not None and status.newest.settled is not None and status.newest.settled[1] == "reverted"
    )
    return 3 if taken_back else 0


def document_of(status: Status) -> dict[str, Any]:
    newest = status.newest
    return {
        "environment": status.name,
        "state": status.state,
        "release": newest.current if newest else None,
        "candidate": newest.candidate if newest else None,
        "holder": _holder(newest),
        "routers": _routers(status.observed),
        "slots": _slots(status.observed),
        "way_back": [{"release": one.release, "warm": one.warm} for one in _usable(status.choices)],
        "frozen": _frozen(newest),
        "bad": dict(newest.bad) if newest else {},
        "latency": _latency(status.following),
        "observed": _observed_shares(status.following),
        "trouble": status.trouble or None,
        "journal": status.journal or None,
        "silent": dict(status.observed.silent),
        "behind": [{"target": one.target, "host": one.host, "why": one.why} for one in status.behind],
        "recent": [summary_document(one) for one in status.recent],
    }


def _latency(following: Following) -> dict[str, Any] | None:
    """Of the release under way."""
    judged = following.rollout.judged if following.rollout else None
    if judged is None:
        return None
    from releaser.cli.views.latency import latency_document

    return latency_document(judged.figures)


def _observed_shares(following: Following) -> list[dict[str, Any]]:
    """Of the step under way, one for each router that moved in it and had a request."""
    from releaser.cli.views.shares import shares_document

    return shares_document(following.rollout)


def _usable(found: Iterable[Choice]) -> list[Choice]:
    return [one for one in found if not one.current and one.bad is None]


def _holder(newest: LedgerState | None) -> dict[str, Any] | None:
    holder = newest.holder if newest else None
    return {"name": holder.name, "rollout": holder.rollout, "left": holder.left} if holder else None


def _frozen(newest: LedgerState | None) -> dict[str, Any] | None:
    frozen = newest.frozen if newest else None
    return {"by": frozen.by, "reason": frozen.reason, "left": frozen.left} if frozen else None


def _routers(observed: Observed) -> dict[str, Any]:
    return {
        name: {
            "split": dict(state.split.weights) if state.split else None,
            "generation": state.generation,
            "armed_left": observed.ledgers[name].armed_left if name in observed.ledgers else None,
        }
        for name, state in observed.routers.items()
    }


def _slots(observed: Observed) -> dict[str, Any]:
    def told(slots: Sequence[Any]) -> dict[str, Any]:
        return {one.slot: {"release": one.release, "running": one.running, "hosts": dict(one.hosts)} for one in slots}

    return {target: told(slots) for target, slots in observed.slots.items()}
