"""What do the invariants remember of a simulated world, and what is a violation?"""

from collections import Counter
from dataclasses import dataclass, field

from releaser.core import events as e
from releaser.core.commands import Shift
from releaser.core.plan import Plan
from releaser.core.rollout import Phase
from releaser.core.values import Outcome
from releaser.ports import Settling
from releaser.testing.sim_world import SimWorld

__all__ = ["COVERED", "SLACK", "Book", "Memory", "Violation"]

COVERED = {
    1: "weights", 2: "ready before weight", 3: "one step at a time", 4: "one PASS, one rise", 5: "read back at the end", 6: "capacity",
    7: "stable stays", 8: "routers agree", 9: "nobody unanswered", 10: "nothing to undo", 11: "back within the budget", 12: "the alarm",
    13: "deadlines", 14: "wall clock", 15: "nothing delays a rollback", 16: "the timer", 17: "fences", 18: "leases",
    19: "one winner", 20: "environments apart", 21: "intents", 22: "every restart ends", 23: "repeats", 24: "replay", 26: "frozen plan",
    27: "drift", 28: "no data", 29: "promoted is promoted", 32: "audit",
}  # fmt: skip
"""25 (a damaged journal), 30 (secrets) and 31 (hostile strings) have no meaning here: their tests are in the store, shell and config."""
SLACK = 8.0
"""Seconds: the guard's own delay, calls that travel, and the attempts that go on beside them."""


class Violation(BaseException):
    """Invariant `number` does not hold."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(number, what)  # its arguments as they are, so that it travels between processes
        self.number = number
        self.what = what

    def __str__(self) -> str:
        return f"invariant {self.number} ({COVERED[self.number]}): {self.what}"


@dataclass(slots=True)
class Book:
    """What is known of one rollout, from its journal and from what it did to the world."""

    id: str
    plan: Plan
    opened: float
    passes: Counter[int] = field(default_factory=Counter)
    """Step that may be left -> unused PASSes."""
    used: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    """(step, fence) -> routers that rose on that PASS."""
    written: set[tuple[str, int]] = field(default_factory=set)
    """(router, generation) of every write."""
    meant: set[str] = field(default_factory=set)
    """Routers for which a rise was ordered, whether or not it came to that."""
    risen: set[str] = field(default_factory=set)
    drifted: bool = False
    """The world was not as planned when it began."""
    counted: Counter[str] = field(default_factory=Counter)
    """Router -> readings of its counters since the step was read back."""
    turned: e.TurnedBack | None = None
    turned_at: float = 0.0
    alarmed: bool = False
    taken: bool = False
    """Another rollout took one of its routers."""
    recovered: bool = False
    """It was taken over after a crash: it may raise its fence without a lease."""
    home: set[str] = field(default_factory=set)
    """Routers that it has seen on the split before its first shift since it turned back."""
    committed: set[str] = field(default_factory=set)
    """Routers of which it knows that they have taken its commit."""
    deserted: bool = False
    """A process that drove it died, or stood still for half its budget, after the decision to go back."""
    granted_abort: bool = False
    phase: Phase = Phase.ACQUIRING
    since: float = 0.0
    waited: bool = False
    """In this phase somebody was waited for, or the process did not run."""
    outcome: Outcome | None = None
    ended_at: float = 0.0

    def note(self, event: e.Event) -> None:
        """What an entry of its journal says that later checks need."""
        match event:
            case e.Issued(command=Shift(urgent=False, router=router)):
                self.meant.add(host_of(router))
            case e.Passed(step=step):
                self.passes[step] += 1
            case e.Shifted(router=router, split=split) | e.RouterSeen(router=router, split=split):
                if split == self.plan.before:
                    self.home.add(host_of(router))
            case e.Settled(router=router, settlement="committed"):
                self.committed.add(host_of(router))
            case e.Recovered():
                self.waited = self.recovered = True
                self.home.clear()
                self.committed.clear()
            case e.Paused() | e.Held() | e.ApprovalAsked():
                self.waited = True
            case e.Lost():
                self.taken = True
            case e.Alarmed():
                self.alarmed = True


def host_of(router: str) -> str:
    """The host of a router as a plan names it: lb1 of web/lb1."""
    return router.partition("/")[2]


class Memory:
    """What has happened in one environment, as the world and the journals showed it."""

    def __init__(self) -> None:
        self.world: SimWorld
        self.books: dict[str, Book] = {}
        self.fences: Counter[str] = Counter()
        self.contact: dict[str, tuple[str, int, float, float]] = {}
        """Router -> (rollout, fence, last sign of life, lease) of its holder."""
        self.endings: dict[str, tuple[Settling, int]] = {}
        self.disturbed: set[str] = set()
        """Routers that somebody else than a rollout has changed, or that were away."""
        self.meddled: set[str] = set()
        """Routers that a person changed past the ledger."""
        self.excused: set[str] = set()
        """Releases whose processes were made to die."""
        self.away: set[str] = set()
        """Hosts that could not be reached for a while: not everything that was meant for them got there."""
        self.unguarded: set[str] = set()
        """Routers whose guard was dead at some time, or that are rebooting."""
        self.committed: dict[str, float] = {}
        """Release that was replaced -> when."""
        self.drifted = False
        self.served = 0.0

    @property
    def now(self) -> float:
        return self.world.timeline.now
