"""Time and concurrency: what must be over when, and who may write (invariants 11 to 19)."""

from collections.abc import Callable

from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.rollout import BACKWARD, Phase, Rollout
from releaser.core.values import Outcome, Split
from releaser.ports import Claim
from releaser.testing.fakes import FakeSite, FakeSwitch
from releaser.testing.invariants_memory import SLACK, Book, Memory, Violation
from releaser.testing.sim_process import Process
from releaser.testing.sim_work import Work

__all__ = [
    "check_abort_wins",
    "check_alarm",
    "check_armed",
    "check_attempts",
    "check_back_in_time",
    "check_deadline",
    "check_fence",
    "check_fired_in_time",
    "check_lease",
    "check_not_committed",
    "check_nothing_armed_after_end",
    "check_one_holder",
    "check_sign_of_life",
    "check_urgent",
]


def check_back_in_time(it: Memory, book: Book) -> None:
    candidate = book.plan.origin if book.plan.kind == "rollback" else book.plan.to.id
    for site in it.world.sites.values():
        weight = site.split.weight(candidate) if site.split and candidate else 0
        ours = site.ledger.get("rollout") == book.id and book.outcome is None
        if weight and ours and not _cannot_be_in_time(it, book, site):
            over = book.plan.budget.rollback + SLACK
            raise Violation(11, f"{site.name} still sends {weight} % to {candidate}, {over:.0f} s after the decision")


def _cannot_be_in_time(it: Memory, book: Book, site: FakeSite) -> bool:
    """Nothing to go back to, no guard, or two faults at once: B is promised under any single one."""
    ending = it.endings.get(site.name)
    # Half a commit is taken back, or all of it: what is committed has no timer any more, and now nobody gets there either.
    half = ending is not None and (ending[0].rollout, ending[0].settlement) == (book.id, "committed")
    disarmed = (half or book.plan.kind == "rollback") and book.deserted
    disarmed = disarmed or (half and (book.waited or site.name in it.away))
    # A rollback arms nothing: a router that it does not reach, although its ledger took the fence before a crash, waits for it.
    disarmed = disarmed or (book.plan.kind == "rollback" and book.recovered and site.name in it.away)
    # The old release is to be started first, on a host that is away or where it crashes.
    unstarted = book.plan.cold and (not it.away.isdisjoint(it.world.hosts) or _crashed(it, book.plan.to.id))
    return book.plan.first or disarmed or unstarted or site.name in it.unguarded | it.meddled


def _crashed(it: Memory, release: str) -> bool:
    """Whether a process of `release` that was started is down and waits for its supervisor."""
    runs = ((run, host.clock()) for host in it.world.hosts.values() for run in host.slots.values())
    return any(run.release.id == release and run.wanted and not run.alive(at) for run, at in runs)


def check_alarm(book: Book, event: e.Finished) -> None:
    over = event.seconds_to_stable is not None and event.seconds_to_stable > book.plan.budget.rollback
    if over and not book.alarmed:
        raise Violation(12, f"{book.id} was over its rollback budget and raised no alarm")


def check_attempts(it: Memory, book: Book, event: e.Finished) -> None:
    """Whoever gives up before it has seen every router back, and before it has gone back by itself, has tried for as long
    as a release may take.
    """
    plan = book.plan
    if event.outcome is not Outcome.INCOMPLETE or plan.kind != "promote" or plan.first or book.taken:
        return
    left = sorted(name for name in book.meant - book.home if not _home_by_itself(it, book, name))
    if left and it.now - book.turned_at < plan.budget.release:
        raise Violation(12, f"{book.id} gives up {it.now - book.turned_at:.0f} s after its decision, {left} not back")


def _home_by_itself(it: Memory, book: Book, router: str) -> bool:
    """While it could not be reached; or it will be, since it is off, and its guard comes before it does; or it would be, had its
    guard not died as well, and had nobody else written there.
    """
    if it.world.down.get(router, 0.0) > it.now:
        return True
    split = it.world.sites[router].split
    weight = split.weight(book.plan.to.id) if split else 0
    if not weight:
        return router in it.away | it.unguarded
    return router in it.away and router in it.unguarded | it.meddled


def check_not_committed(it: Memory, book: Book) -> None:
    """The point of no return: what every router has taken as committed, only another rollout takes back."""
    if book.committed == it.world.sites.keys():
        raise Violation(19, f"{book.id} turns back, and every router has taken its commit")


def check_urgent(work: Work) -> None:
    """What goes back has threads of its own."""
    if work.rollout is not None and work.rollout.phase in BACKWARD:
        raise Violation(15, f"{work.command} of {work.rollout.id} waits for a thread behind other work")


def check_armed(site: FakeSite, book: Book, fence: int) -> None:
    """Users move to the candidate only where a switch of this very fence would bring them back."""
    if not book.plan.first and not any(switch.fence == fence for switch in site.switches):
        raise Violation(16, f"{site.name} rises and is not armed")


def check_sign_of_life(it: Memory, process: Process) -> None:
    silent = process.now() - process.loop.last_turn
    if silent <= process.loop.longest_sleep:  # which is shorter than every period
        return
    periods = [driven.rollout.plan.budget.deadman / 3 for driven in process.loop.driven.values()]
    if periods and silent > max(periods) + 1.0:
        raise Violation(16, f"{process.name} renews although its loop has stood still for {silent:.0f} s")


def check_deadline(it: Memory, book: Book, rollout: Rollout) -> None:
    """At every entry: how long has the phase lasted that this entry was written in?"""
    if not book.waited and book.phase in LIMITS:
        limit, lasted = LIMITS[book.phase](book.plan), it.now - book.since
        if lasted > limit + SLACK + book.plan.budget.deadman:
            raise Violation(13, f"{book.id} was {book.phase} for {lasted:.0f} s, the limit is {limit:.0f} s")
    if rollout.phase is not book.phase:
        book.phase, book.since, book.waited = rollout.phase, it.now, bool(rollout.paused or rollout.held)


LIMITS: dict[Phase, Callable[[Plan], float]] = {
    Phase.ACQUIRING: lambda plan: 60.0,
    Phase.PLACING: lambda plan: plan.budget.step,
    Phase.STARTING: lambda plan: plan.budget.step,
    Phase.PROVING: lambda plan: plan.health.ready_within + 15.0,
    Phase.REHEARSING: lambda plan: 3 * plan.budget.deadman,
    Phase.ARMING: lambda plan: 3 * plan.budget.deadman,
    Phase.SHIFTING: lambda plan: plan.budget.deadman,
    Phase.WATCHING: lambda plan: plan.budget.step,
    Phase.BAKING: lambda plan: plan.bake + plan.budget.step,
    Phase.COMMITTING: lambda plan: plan.budget.deadman + 10.0,
    Phase.SETTLING: lambda plan: 3 * plan.budget.deadman + 10.0,
}


def check_fired_in_time(it: Memory, site: FakeSite, switch: FakeSwitch) -> None:
    late = -switch.left(site.clock())
    if switch.boot == site.clock().boot and late > 1.0 and site.name not in it.unguarded:
        raise Violation(16, f"the timer of {site.name} fired {late:.1f} s late")


def check_nothing_armed_after_end(it: Memory, site: FakeSite, before: Split | None, fence: int) -> None:
    ending = it.endings.get(site.name)
    if ending and ending[1] >= fence and site.split != before:
        raise Violation(
            16, f"the timer of {site.name} changes traffic after {ending[0].rollout} was {ending[0].settlement}"
        )


def check_fence(it: Memory, site: FakeSite, fence: int) -> None:
    if fence < it.fences[site.name]:
        raise Violation(17, f"{site.name} takes a write under fence {fence}, and {it.fences[site.name]} rules")


def check_lease(it: Memory, site: FakeSite, book: Book, fence: int) -> None:
    _, _, contact, lease = it.contact[site.name]
    armed = any(switch.fence == fence for switch in site.switches)
    if armed and it.now - contact > lease + SLACK:
        raise Violation(18, f"{book.id} writes to {site.name} {it.now - contact:.0f} s after its last sign of life")


def check_one_holder(it: Memory, site: FakeSite, claim: Claim, fence: int, *, force: bool) -> None:
    if fence <= it.fences[site.name]:
        raise Violation(17, f"{site.name} is taken under fence {fence}, and it had {it.fences[site.name]}")
    held = it.contact.get(site.name)
    ending = it.endings.get(site.name)
    book = it.books[claim.rollout]
    goes_back = book.plan.kind == "rollback" or book.turned is not None or book.recovered
    if (force and goes_back) or held is None or held[0] == claim.rollout or (ending and ending[1] >= held[1]):
        return
    if site.name not in it.disturbed and it.now - held[2] < held[3] - SLACK:
        raise Violation(19, f"{claim.rollout} takes {site.name} while {held[0]} holds it")


def check_abort_wins(book: Book, outcome: Outcome) -> None:
    if book.granted_abort and outcome is Outcome.PROMOTED:
        raise Violation(19, f"{book.id} is promoted although an abort was granted")
