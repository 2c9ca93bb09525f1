"""How does each fault of a script come about in the simulated world? One small function a kind."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from releaser.core.values import Split
from releaser.ports import Frozen, Request
from releaser.testing.faults import Fault
from releaser.testing.sim_people import People
from releaser.testing.sim_plans import NEW, NEWER, STABLE

__all__ = ["ACTS", "Stage"]


class Stage(Protocol):
    """What faults act on, and who must know of it so that nobody is blamed for them."""

    people: People
    away: set[str]
    unguarded: set[str]
    disturbed: set[str]
    excused: set[str]

    def hindered(self) -> None: ...

    def stood_still(self, seconds: float) -> None: ...

    def rival(self, kind: str) -> None: ...


def _kill(s: Stage, fault: Fault) -> None:
    alive = s.people.driving()
    if alive:
        s.people.chance.choice(alive).die()


def _stop(s: Stage, fault: Fault) -> None:
    s.hindered()
    s.stood_still(fault.seconds)
    alive = s.people.driving()
    if alive:
        s.people.chance.choice(alive).stop_for(fault.seconds)


def _hang(s: Stage, fault: Fault) -> None:
    s.hindered()
    s.stood_still(fault.seconds)
    for process in s.people.driving():
        process.hung = s.people.timeline.now + fault.seconds


def _cut(s: Stage, fault: Fault, machine: str) -> None:
    s.people.network.cut[(machine, fault.where)] = s.people.timeline.now + fault.seconds
    s.away.add(fault.where)
    s.hindered()


def _slow(s: Stage, fault: Fault) -> None:
    s.people.network.slow[fault.where] = (s.people.timeline.now + 60.0, fault.seconds)
    s.away.add(fault.where)
    s.hindered()


def _reboot(s: Stage, fault: Fault) -> None:
    s.unguarded.add(fault.where)
    s.disturbed.add(fault.where)
    s.people.network.cut[("", fault.where)] = s.people.timeline.now + fault.seconds
    s.people.world.reboot(fault.where, fault.seconds)


def _guard_dies(s: Stage, fault: Fault) -> None:
    s.unguarded.add(fault.where)
    s.people.world.kill_guard(fault.where, fault.seconds)


def _process_dies(s: Stage, fault: Fault, release: str) -> None:
    s.excused.add(release)
    s.people.world.crash_process(fault.where, release, fault.seconds)


def _jump(s: Stage, fault: Fault) -> None:
    for process in s.people.processes:
        process.wall += fault.seconds


def _journal(s: Stage, fault: Fault, *, locked: bool) -> None:
    for journal in s.people.journals.values():
        journal.full_until, journal.locked = s.people.timeline.now + fault.seconds, locked
    s.hindered()


def _counters_missing(s: Stage, fault: Fault) -> None:
    s.people.world.users[fault.where].missing_until = s.people.timeline.now + fault.seconds


def _meddle(s: Stage, fault: Fault) -> None:
    s.people.world.sites[fault.where].meddle(Split.of({STABLE.id: 90, NEW.id: 10}))


def _overtaken(s: Stage, fault: Fault) -> None:
    """Between the plan and its first effect somebody freezes the environment, changes a router, or is quicker."""
    sites = s.people.world.sites
    match s.people.chance.choice(("freezes", "meddles", "is quicker")):
        case "freezes":
            for site in sites.values():
                site.edit({"freeze": Frozen("eve", "a quiet night", 3600.0)})
        case "meddles":
            _meddle(s, fault)
        case _:
            sites[fault.where].ledger["fence"] += 1


def _letter(s: Stage, fault: Fault) -> None:
    verb = s.people.chance.choice(("abort", "pause", "resume", "approve"))
    for site in s.people.world.sites.values():
        body = {"reason": "from elsewhere", "for": site.ledger["rollout"]}
        site.edit({"post": Request(f"letter-{s.people.timeline.now}", verb, "eve", body)})


def _next_at_once(s: Stage, fault: Fault) -> None:
    """The process lives on, as a server does, and begins the next release while answers to the last may be on their way."""
    alive = [process for process in s.people.processes if not process.dead and process.name == "a"]
    if alive and not s.people.rollouts:
        s.people.promote("a", NEWER, "canary", process=alive[-1])


ACTS: Mapping[str, Callable[[Stage, Fault], Any]] = {
    "crash": _kill,
    "stopped": _stop,
    "loop_hangs": _hang,
    "slow_router": _slow,
    "slow_host": _slow,
    "cut_router": lambda s, fault: _cut(s, fault, ""),
    "cut_host": lambda s, fault: _cut(s, fault, ""),
    "partition": lambda s, fault: _cut(s, fault, "a"),
    "reboot": _reboot,
    "guard_dies": _guard_dies,
    "candidate_crash": lambda s, fault: _process_dies(s, fault, NEW.id),
    "stable_crash": lambda s, fault: _process_dies(s, fault, STABLE.id),
    "clock_jump": _jump,
    "rival_rollback": lambda s, _: s.rival("rollback"),
    "rival_promote": lambda s, _: s.rival("promote"),
    "next_at_once": _next_at_once,
    "abort": lambda s, _: s.people.ask("abort"),
    "rollback": lambda s, _: s.people.ask("rollback", mark_bad=True),
    "signal": lambda s, _: s.people.ask("signal"),
    "pause": lambda s, fault: s.people.ask("pause", until=fault.seconds),
    "resume": lambda s, _: s.people.ask("resume"),
    "approve": lambda s, _: s.people.ask("approve"),
    "advance": lambda s, _: s.people.ask("advance", to=100),
    "letter": _letter,
    "journal_full": lambda s, fault: _journal(s, fault, locked=False),
    "journal_locked": lambda s, fault: _journal(s, fault, locked=True),
    "counters_reset": lambda s, fault: s.people.world.users[fault.where].reset(),
    "counters_missing": _counters_missing,
    "meddling": _meddle,
    "overtaken": _overtaken,
}
