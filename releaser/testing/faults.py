"""What goes wrong in a simulated release, when and where? Scripts of faults, drawn from a seed and nothing else."""

from dataclasses import dataclass
from random import Random

from releaser.core.rollout import Phase
from releaser.testing.sim_time import GRID, on_grid
from releaser.testing.sim_world import HOSTS, ROUTERS

__all__ = ["AT_POINTS", "FAULTS", "Fault", "draw", "script"]

AT_POINTS = (
    "crash_before", "crash_after", "lost_answer", "late_effect", "late_answer", "no_answer", "not_sent", "defect", "rival_in_between",
)  # fmt: skip
"""What happens at the how-manieth change that a process asks of a host; crashes also at a write of the journal."""
AT_TIMES = (
    "crash", "stopped", "loop_hangs", "slow_router", "cut_router", "partition", "slow_host", "cut_host", "reboot", "guard_dies", "candidate_crash",
    "stable_crash", "clock_jump", "rival_rollback", "rival_promote", "abort", "rollback", "pause", "resume", "approve", "advance",
    "signal", "letter", "journal_full", "journal_locked", "counters_reset", "counters_missing", "meddling", "crash_again", "overtaken",
    "next_at_once",
)  # fmt: skip
FAULTS = (*AT_POINTS, "crash_at_write", *AT_TIMES)
PHASES = tuple(phase for phase in Phase if phase is not Phase.DONE)
EFFECTS, WRITES = 30, 45
"""How many changes and writes a whole release takes, about."""
DURATIONS = {
    "stopped": (5.0, 120.0), "loop_hangs": (5.0, 120.0), "slow_router": (2.0, 40.0), "slow_host": (2.0, 40.0), "guard_dies": (5.0, 60.0), "reboot": (1.0, 30.0),
    "clock_jump": (-90000.0, 90000.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """`when` is ("effect" or "write", how-manieth), ("at", second) or ("phase", its name); `after` seconds later it begins.

    ("their effect" or "their write", how-manieth) is for those who come after the first process or between: rivals, rollbacks.
    """

    kind: str
    when: tuple[str, float | str]
    after: float = 0.0
    where: str = ""
    """A router or host."""
    seconds: float = 0.0
    """How long it lasts, or how far a clock jumps."""

    def __str__(self) -> str:
        begins = " ".join(str(part) for part in self.when)
        return f"{self.kind} [{begins} +{self.after:g} s] {self.where} {self.seconds:g} s".replace("  ", " ")


def script(chance: Random) -> tuple[Fault, ...]:
    """At least one fault, seldom more than four."""
    number = 1
    while number < 5 and chance.random() < 0.4:
        number += 1
    drawn = [draw(chance, chance.choice(FAULTS)) for _ in range(number)]
    if any(fault.kind == "crash_again" for fault in drawn):
        drawn.append(draw(chance, chance.choice(("crash", "crash_before", "crash_at_write"))))
    kinds = {fault.kind for fault in drawn}
    if "guard_dies" in kinds and chance.random() < 0.5:
        drawn.extend(_unguarded(chance))
    if "cut_router" in kinds and chance.random() < 0.3:
        drawn.extend(_late_commit(chance))
    if chance.random() < 0.25:
        drawn.append(_theirs(chance))
    if "next_at_once" in kinds and chance.random() < 0.5:
        drawn.extend(_hasty(chance))
    return tuple(drawn)


def _unguarded(chance: Random) -> tuple[Fault, Fault]:
    """A holder that sleeps beyond its lease where no guard goes back: only the lease itself can stop it then."""
    when, router = ("phase", chance.choice(PHASES[5:9]).value), chance.choice(ROUTERS)
    return Fault("guard_dies", when, 0.0, router, 300.0), Fault(
        "stopped", when, 0.5, router, on_grid(chance, 60.0, 120.0)
    )


def _theirs(chance: Random) -> Fault:
    """Whoever takes back, or comes next, is not spared either."""
    if chance.random() < 0.3:
        return Fault(chance.choice(("crash_before", "crash_after")), ("their write", chance.randint(1, 8)))
    kinds = [kind for kind in AT_POINTS if kind != "rival_in_between"]
    return Fault(chance.choice(kinds), ("their effect", chance.randint(1, 8)))


def _late_commit(chance: Random) -> tuple[Fault, Fault]:
    """The last router takes the commit when its time is nearly over, and then the old release is slow to stop."""
    when, router = ("phase", Phase.COMMITTING.value), chance.choice(ROUTERS)
    cut = Fault("cut_router", when, 0.0, router, on_grid(chance, 25.0, 45.0))
    return cut, Fault("slow_host", when, 0.0, chance.choice(HOSTS), 40.0)


def _hasty(chance: Random) -> tuple[Fault, Fault]:
    """An answer that is long on its way, and a release that is broken off meanwhile: the next begins before it comes."""
    late = Fault("late_answer", ("effect", chance.randint(1, 16)))
    return late, Fault("abort", ("phase", chance.choice(PHASES[1:8]).value), on_grid(chance, 0.0, 1.0))


def draw(chance: Random, kind: str) -> Fault:
    if kind in AT_POINTS:
        return Fault(kind, ("effect", chance.randint(1, EFFECTS)))
    if kind == "crash_at_write":
        return Fault(chance.choice(("crash_before", "crash_after")), ("write", chance.randint(1, WRITES)))
    if kind == "crash_again":
        return Fault(kind, (chance.choice(("effect", "write")), chance.randint(1, 8)))
    if kind == "overtaken":
        return Fault(kind, ("at", 0.0), where=chance.choice(ROUTERS))
    if kind == "next_at_once":
        return Fault(kind, ("phase", Phase.DONE.value), on_grid(chance, GRID, 2.0))
    when: tuple[str, float | str] = ("at", on_grid(chance, 0.0, 900.0))
    if chance.random() < 0.75:
        when = ("phase", chance.choice(PHASES).value)
    where = chance.choice(HOSTS if kind in {"slow_host", "cut_host", "candidate_crash", "stable_crash"} else ROUTERS)
    least, most = DURATIONS.get(kind, (2.0, 200.0))
    return Fault(kind, when, on_grid(chance, 0.0, 3.0), where, on_grid(chance, least, most))
