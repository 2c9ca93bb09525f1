"""What must always be true of the world, whatever the engine says? The numbers are those of docs/explanation/invariants.md.

Each check is one small function that raises `Violation`; `Invariants` only says when it is their turn.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from releaser.core import events as e
from releaser.core.commands import QUESTIONS, Acquire, Settle, Shift, Stop
from releaser.core.plan import Plan
from releaser.core.rollout import BACKWARD, Phase, Rollout, replay
from releaser.core.values import Outcome, Slot, Split
from releaser.ports import Claim, Settling
from releaser.testing.fakes import FakeHost, FakeRun, FakeSite, FakeSwitch
from releaser.testing.sim_process import Process, Work
from releaser.testing.sim_world import SimWorld, WorldWatcher

__all__ = ["COVERED", "Book", "Invariants", "Violation"]

COVERED = {
    1: "weights", 2: "ready before weight", 3: "one step at a time", 4: "one PASS, one rise", 5: "read back at the end", 6: "capacity",
    7: "stable stays", 8: "routers agree", 9: "nobody unanswered", 10: "nothing to undo", 11: "back within the budget", 12: "the alarm",
    13: "deadlines", 14: "wall clock", 15: "nothing delays a rollback (by 11)", 16: "the timer", 17: "fences", 18: "leases",
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
    granted_abort: bool = False
    phase: Phase = Phase.ACQUIRING
    since: float = 0.0
    waited: bool = False
    """In this phase somebody was waited for, or the process did not run."""
    outcome: Outcome | None = None
    ended_at: float = 0.0


class Invariants(WorldWatcher):
    """The watcher of one simulated environment and of the processes that release to it."""

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
        self.unguarded: set[str] = set()
        """Routers whose guard was dead at some time, or that are rebooting."""
        self.committed: dict[str, float] = {}
        """Release that was replaced -> when."""
        self.drifted = False
        self.served = 0.0

    @property
    def now(self) -> float:
        return self.world.timeline.now

    # routers

    def written(self, site: FakeSite, before: Split | None, by: str, fence: int) -> None:
        check_weights(site)
        if by == "person":
            self.disturbed.add(site.name)
            self.meddled.add(site.name)
        elif by == "guard":
            check_nothing_armed_after_end(self, site, before, fence)
        else:
            book = self.books[by]
            check_fence(self, site, fence)
            check_lease(self, site, book, fence)
            check_something_to_undo(site, book)
            book.written.add((site.name, site.generation))
            if site.split != before:
                self._moved(site, before, book, fence)

    def _moved(self, site: FakeSite, before: Split | None, book: Book, fence: int) -> None:
        split, candidate = site.split, book.plan.to.id
        if split is None:
            return
        if book.plan.kind == "rollback":
            check_way_back(self, site, book)
        elif split.weight(candidate) > (before.weight(candidate) if before else 0):
            step = check_one_step(self, site, before, book)
            check_ready(self, book)
            check_pass(self, site, book, step, fence)
            check_drift(site, book)
            check_agreement(self, site, book, step)
            book.risen.add(site.name)
        else:
            check_lowering(self, site, book)

    def acquired(self, site: FakeSite, claim: Claim, fence: int, *, force: bool) -> None:
        check_one_holder(self, site, claim, fence, force=force)
        if not force:
            book = self.books[claim.rollout]
            planned = {one.router.partition("/")[2]: one.split for one in book.plan.expected}
            book.drifted = book.drifted or planned.get(site.name) != site.split
        self.fences[site.name] = fence
        self.contact[site.name] = (claim.rollout, fence, self.now, claim.lease)

    def armed(self, site: FakeSite, switch: FakeSwitch) -> None:
        self.renewed(site, switch.fence)

    def renewed(self, site: FakeSite, fence: int) -> None:
        rollout, _, _, lease = self.contact[site.name]
        self.contact[site.name] = (rollout, fence, self.now, lease)

    def settled(self, site: FakeSite, settling: Settling, fence: int) -> None:
        check_settled(self, site, settling, fence)
        self.endings[site.name] = (settling, fence)
        book = self.books[settling.rollout]
        if settling.settlement == "committed" and book.plan.origin:
            self.committed.setdefault(book.plan.origin, self.now)

    def fired(self, site: FakeSite, switch: FakeSwitch) -> None:
        check_fired_in_time(self, site, switch)
        self.disturbed.add(site.name)

    # hosts and users

    def stopped(self, host: FakeHost, slot: Slot, run: FakeRun) -> None:
        check_no_traffic(self, host, run)
        check_stable_stays(self, host, slot, run)

    def unanswered(self, site: FakeSite, release: str, requests: float) -> None:
        if release not in self.excused and site.name not in self.meddled:
            raise Violation(9, f"{requests:.0f} requests on {site.name} met {release}, which is not ready")

    # processes

    def renews(self, process: Process) -> None:
        check_sign_of_life(self, process)

    def spins(self, process: Process) -> None:
        raise Violation(13, f"{process.name} writes and writes in one turn")

    def calls(self, process: Process, call: str, host: str, work: Work) -> None:
        check_intent(process, call, work)
        check_read_before_repeat(call, host, work)

    def wrote(self, process: Process, entry: e.Entry, rollout: Rollout) -> None:
        event = entry.event
        if rollout.id not in self.books:
            self.books[rollout.id] = Book(rollout.id, rollout.plan, self.now, since=self.now)
        book = self.books[rollout.id]
        check_deadline(self, book, rollout)
        match event:
            case e.Issued(command=Shift(urgent=False, router=router)):
                book.meant.add(router.partition("/")[2])
            case e.Passed():
                check_evidence(self, book, event)
                book.passes[event.step] += 1
            case e.Recovered(finish=finish):
                book.waited = True
                if finish:
                    book.passes[rollout.step - 1] += 1
            case e.Shifted():
                check_audit(event, book)
            case e.TurnedBack() if book.turned is None:
                check_real_failure(self, book, event)
                book.turned, book.turned_at = event, self.now
                self._watch_way_back(book)
            case e.Lost() | e.Alarmed():
                book.taken |= isinstance(event, e.Lost)
                book.alarmed |= isinstance(event, e.Alarmed)
            case e.Paused() | e.Held() | e.ApprovalAsked():
                book.waited = True
            case e.Finished():
                self._finished(process, book, rollout, event)

    def _watch_way_back(self, book: Book) -> None:
        budget = book.plan.budget.rollback
        self.world.timeline.after(budget + SLACK, lambda: check_back_in_time(self, book))

    def _finished(self, process: Process, book: Book, rollout: Rollout, event: e.Finished) -> None:
        book.outcome, book.ended_at = event.outcome, self.now
        check_outcome(self, book, event.outcome)
        check_abort_wins(book, event.outcome)
        check_alarm(book, event)
        check_attempts(self, book, event)

    def hindered(self) -> None:
        """A process was stopped or killed, or its journal was: deadlines of the present phase are no measure now."""
        for book in self.books.values():
            book.waited = True

    def counted(self, router: str) -> None:
        for book in self.books.values():
            book.counted[router] += 1


# traffic


def check_weights(site: FakeSite) -> None:
    split = site.split
    if split is not None and (sum(w for _, w in split.weights) != 100 or any(w < 0 for _, w in split.weights)):
        raise Violation(1, f"{site.name} has {split}")


def check_ready(it: Invariants, book: Book) -> None:
    release = book.plan.to
    if it.world.quality(release.id).answers in {"never", "another version"}:
        raise Violation(2, f"{release.id} is given users, and it never was ready")
    for host in it.world.hosts.values():
        if host.placed.get(release.id) != release:
            raise Violation(2, f"{release.id} is given users, and it does not lie on {host.name} with its digest")
        if not any(run.release.id == release.id and run.wanted for run in host.slots.values()):
            raise Violation(2, f"{release.id} is given users, and it was not started on {host.name}")


def check_one_step(it: Invariants, site: FakeSite, before: Split | None, book: Book) -> int:
    """The index of the step that this router rises to."""
    plan, candidate, split = book.plan, book.plan.to.id, site.split
    had, has = before.weight(candidate) if before else 0, split.weight(candidate) if split else 0
    weights = [step.weight for step in plan.steps]
    if has not in weights:
        raise Violation(3, f"{site.name} rises to {has} %, which is no step of the plan")
    step = weights.index(has)
    if had != (weights[step - 1] if step else 0) and site.name not in it.disturbed:
        raise Violation(3, f"{site.name} rises from {had} % to {has} % in one go")
    return step


def check_lowering(it: Invariants, site: FakeSite, book: Book) -> None:
    if site.split != book.plan.before and site.name not in it.disturbed:
        raise Violation(3, f"{site.name} goes to {site.split}, not back to {book.plan.before}")
    if site.name not in book.risen and site.name not in it.disturbed:
        raise Violation(10, f"{site.name} is changed by going back, and nothing was to undo there")


def check_something_to_undo(site: FakeSite, book: Book) -> None:
    if book.plan.kind == "promote" and site.name not in book.meant:
        raise Violation(10, f"{site.name} is written by going back, and no rise was ever ordered there")


def check_drift(site: FakeSite, book: Book) -> None:
    if book.drifted:
        raise Violation(27, f"{site.name} is changed by {book.id}, and the world is not what it was planned for")


def check_way_back(it: Invariants, site: FakeSite, book: Book) -> None:
    target = book.plan.to.id
    if site.split != Split.all_to(target):
        raise Violation(3, f"{site.name} goes to {site.split}, not wholly to {target}")
    if target in site.ledger["bad"]:
        raise Violation(7, f"{site.name} is taken back to {target}, which is marked bad")
    if not it.world.answers(target) and target not in it.excused:
        raise Violation(6, f"{site.name} is taken back to {target}, which does not run")


def check_pass(it: Invariants, site: FakeSite, book: Book, step: int, fence: int) -> None:
    routers = book.used.get((step, fence))
    if routers is None:
        if not book.passes[step - 1]:
            raise Violation(4, f"{site.name} rises to step {step + 1} without a PASS")
        book.passes[step - 1] -= 1
        book.used[(step, fence)] = {site.name}
        book.counted.clear()
    elif site.name in routers and site.name not in it.meddled:
        raise Violation(4, f"{site.name} rises to step {step + 1} twice on one PASS")
    else:
        routers.add(site.name)


def check_agreement(it: Invariants, site: FakeSite, book: Book, step: int) -> None:
    previous = book.plan.steps[step - 1].weight if step else 0
    for other in it.world.sites.values():
        weight = other.split.weight(book.plan.to.id) if other.split else 0
        if weight < previous and other.name not in it.disturbed:
            raise Violation(8, f"{site.name} rises to step {step + 1} while {other.name} is at {weight} %")


def check_no_traffic(it: Invariants, host: FakeHost, run: FakeRun) -> None:
    for site in it.world.sites.values():
        if site.split and site.split.weight(run.release.id) and site.name not in it.disturbed:
            raise Violation(6, f"{run.release.id} is stopped on {host.name} while {site.name} sends users to it")


def check_stable_stays(it: Invariants, host: FakeHost, slot: Slot, run: FakeRun) -> None:
    release = run.release.id
    for book in it.books.values():
        if book.plan.kind == "promote" and book.plan.origin == release and book.outcome is None:
            raise Violation(7, f"{release} is stopped on {host.name} while {book.id} may still go back to it")
    since = it.committed.get(release)
    evicted = any(book.plan.binding and (slot, book.plan.to.id) in book.plan.binding and book.opened > (since or 0.0) for book in it.books.values())  # fmt: skip
    keep = max((book.plan.keep_warm for book in it.books.values()), default=0.0)
    if since is not None and not evicted and it.now - since < keep - SLACK:
        raise Violation(7, f"{release} is stopped on {host.name} {it.now - since:.0f} s after it was replaced")


# time


def check_back_in_time(it: Invariants, book: Book) -> None:
    candidate = book.plan.origin if book.plan.kind == "rollback" else book.plan.to.id
    for site in it.world.sites.values():
        weight = site.split.weight(candidate) if site.split and candidate else 0
        ours = site.ledger.get("rollout") == book.id
        if weight and ours and not book.plan.first and site.name not in it.unguarded | it.meddled and book.outcome is None:
            over = book.plan.budget.rollback + SLACK
            raise Violation(11, f"{site.name} still sends {weight} % to {candidate}, {over:.0f} s after the decision")


def check_alarm(book: Book, event: e.Finished) -> None:
    over = event.seconds_to_stable is not None and event.seconds_to_stable > book.plan.budget.rollback
    if over and not book.alarmed:
        raise Violation(12, f"{book.id} was over its rollback budget and raised no alarm")


def check_attempts(it: Invariants, book: Book, event: e.Finished) -> None:
    """Whoever gives up while users are still on the candidate has tried for as long as a release may take."""
    plan = book.plan
    if event.outcome is not Outcome.INCOMPLETE or plan.kind != "promote" or plan.first or book.taken:
        return
    left = [site.name for site in it.world.sites.values() if site.split and site.split.weight(plan.to.id)]
    if left and it.now - book.turned_at < plan.budget.release:
        raise Violation(12, f"{book.id} gives up {it.now - book.turned_at:.0f} s after its decision, {left} not back")


def check_sign_of_life(it: Invariants, process: Process) -> None:
    periods = [driven.rollout.plan.budget.deadman / 3 for driven in process.loop.driven.values()]
    silent = process.now() - process.loop.last_turn
    if periods and silent > max(periods) + 1.0:
        raise Violation(16, f"{process.name} renews although its loop has stood still for {silent:.0f} s")


def check_deadline(it: Invariants, book: Book, rollout: Rollout) -> None:
    """At every entry: how long has the phase lasted that this entry was written in?"""
    limit = LIMITS[book.phase](book.plan) if book.phase in LIMITS else float("inf")
    if not book.waited and it.now - book.since > limit + SLACK + book.plan.budget.deadman:
        raise Violation(13, f"{book.id} was {book.phase} for {it.now - book.since:.0f} s, the limit is {limit:.0f} s")
    if rollout.phase is not book.phase:
        book.phase, book.since, book.waited = rollout.phase, it.now, bool(rollout.paused or rollout.held)


LIMITS: dict[Phase, Callable[[Plan], float]] = {
    Phase.ACQUIRING: lambda plan: 60.0,
    Phase.PLACING: lambda plan: plan.budget.step,
    Phase.STARTING: lambda plan: plan.budget.step,
    Phase.PROVING: lambda plan: plan.health.ready_within,
    Phase.REHEARSING: lambda plan: 3 * plan.budget.deadman,
    Phase.ARMING: lambda plan: 3 * plan.budget.deadman,
    Phase.SHIFTING: lambda plan: plan.budget.deadman,
    Phase.WATCHING: lambda plan: plan.budget.step,
    Phase.BAKING: lambda plan: plan.bake + plan.budget.step,
    Phase.COMMITTING: lambda plan: plan.budget.deadman + 10.0,
    Phase.SETTLING: lambda plan: 3 * plan.budget.deadman + 10.0,
}


def check_fired_in_time(it: Invariants, site: FakeSite, switch: FakeSwitch) -> None:
    late = -switch.left(site.clock())
    if switch.boot == site.clock().boot and late > 1.0 and site.name not in it.unguarded:
        raise Violation(16, f"the timer of {site.name} fired {late:.1f} s late")


def check_nothing_armed_after_end(it: Invariants, site: FakeSite, before: Split | None, fence: int) -> None:
    ending = it.endings.get(site.name)
    if ending and ending[1] >= fence and site.split != before:
        raise Violation(
            16, f"the timer of {site.name} changes traffic after {ending[0].rollout} was {ending[0].settlement}"
        )


# concurrency


def check_fence(it: Invariants, site: FakeSite, fence: int) -> None:
    if fence < it.fences[site.name]:
        raise Violation(17, f"{site.name} takes a write under fence {fence}, and {it.fences[site.name]} rules")


def check_lease(it: Invariants, site: FakeSite, book: Book, fence: int) -> None:
    _, _, contact, lease = it.contact[site.name]
    armed = any(switch.fence == fence for switch in site.switches)
    if armed and it.now - contact > lease + SLACK:
        raise Violation(18, f"{book.id} writes to {site.name} {it.now - contact:.0f} s after its last sign of life")


def check_one_holder(it: Invariants, site: FakeSite, claim: Claim, fence: int, *, force: bool) -> None:
    if fence <= it.fences[site.name]:
        raise Violation(17, f"{site.name} is taken under fence {fence}, and it had {it.fences[site.name]}")
    held = it.contact.get(site.name)
    ending = it.endings.get(site.name)
    if force or held is None or held[0] == claim.rollout or (ending and ending[1] >= held[1]):
        return
    if site.name not in it.disturbed and it.now - held[2] < held[3] - SLACK:
        raise Violation(19, f"{claim.rollout} takes {site.name} while {held[0]} holds it")


def check_abort_wins(book: Book, outcome: Outcome) -> None:
    if book.granted_abort and outcome is Outcome.PROMOTED:
        raise Violation(19, f"{book.id} is promoted although an abort was granted")


# recovery and evidence


def check_intent(process: Process, call: str, work: Work) -> None:
    command, rollout = work.command, work.rollout
    if command is None or rollout is None or isinstance(command, QUESTIONS) or rollout.phase in BACKWARD:
        return
    if isinstance(command, Stop) or (isinstance(command, Acquire) and command.force):
        return
    if (rollout.id, command, work.attempt) not in process.journal.intents:
        raise Violation(21, f"{call} of {command} (attempt {work.attempt}) has no durable intent")


def check_read_before_repeat(call: str, host: str, work: Work) -> None:
    if call == "shift" and isinstance(work.command, Shift) and work.attempt > 1 and not work.calls:
        raise Violation(23, f"{host} is written again without being read first")


def check_evidence(it: Invariants, book: Book, event: e.Passed) -> None:
    plan = book.plan
    if event.by == "judge" and plan.judging.errors and not plan.first:
        for site in it.world.sites.values():
            if book.counted[site.name] < 2:
                raise Violation(28, f"step {event.step + 1} passes, and {site.name} was not read twice since its shift")
    elif event.by not in {"judge", "probes"} and not event.why:
        raise Violation(4, f"{event.by} lets step {event.step + 1} pass without a reason")


def check_real_failure(it: Invariants, book: Book, event: e.TurnedBack) -> None:
    candidate = book.plan.to.id
    if event.cause != "judge" or candidate in it.excused:
        return
    failed = any(users.failed.get(candidate) or users.active.get(candidate) for users in it.world.users.values())
    if not failed and it.world.quality(candidate).answers == "well":
        raise Violation(28, f"{candidate} is taken back by the judge, and nothing of it ever failed")


def check_audit(event: e.Shifted, book: Book) -> None:
    if (event.router.partition("/")[2], event.generation) not in book.written:
        raise Violation(32, f"the journal says that {event.router} was shifted (generation {event.generation})")


# endings


def check_settled(it: Invariants, site: FakeSite, settling: Settling, fence: int) -> None:
    book = it.books[settling.rollout]
    check_fence(it, site, fence)
    candidate, split = book.plan.to.id, site.split
    if site.name in it.disturbed or book.plan.first:
        return
    if settling.settlement == "committed" and split != Split.all_to(candidate):
        raise Violation(29, f"{site.name} is committed and shows {split}")
    if settling.settlement != "committed" and book.plan.kind == "promote" and split and split.weight(candidate):
        raise Violation(5, f"{site.name} is {settling.settlement} and shows {split}")


def check_outcome(it: Invariants, book: Book, outcome: Outcome) -> None:
    plan = book.plan
    for site in it.world.sites.values():
        if site.ledger.get("rollout") != book.id or (site.name in it.disturbed and outcome is not Outcome.PROMOTED):
            continue
        weight = site.split.weight(plan.to.id) if site.split else 0
        if site.name in it.meddled:
            continue
        if outcome is Outcome.PROMOTED and (weight != 100 or site.ledger["current"] != plan.to.id):
            raise Violation(29, f"{book.id} is promoted and {site.name} shows {site.split}")
        if outcome in {Outcome.ROLLED_BACK, Outcome.CANCELLED} and plan.kind == "promote" and weight:
            raise Violation(5, f"{book.id} is {outcome} and {site.name} shows {site.split}")
        if outcome is Outcome.ROLLED_BACK and plan.kind == "rollback" and weight != 100:
            raise Violation(5, f"{book.id} is {outcome} and {site.name} shows {site.split}")
    if outcome is Outcome.REFUSED and book.written:
        raise Violation(27, f"{book.id} was refused and has written to {sorted(book.written)}")


_ = (Settle, replay)
