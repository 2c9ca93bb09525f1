"""Recovery, evidence and endings: intents, repeats, PASSes that rest on data, and what the last word says (21 to 32)."""

from collections.abc import Sequence

from releaser.core import events as e
from releaser.core.codec import decode_entry, encode_entry
from releaser.core.commands import QUESTIONS, Acquire, Shift, Stop
from releaser.core.fold import replay
from releaser.core.rollout import BACKWARD, Rollout
from releaser.core.values import Outcome, Split
from releaser.ports import Settling
from releaser.testing.fakes import FakeSite
from releaser.testing.invariants_memory import Book, Memory, Violation
from releaser.testing.invariants_time import check_fence
from releaser.testing.sim_process import Process
from releaser.testing.sim_work import Work

__all__ = [
    "check_audit",
    "check_evidence",
    "check_frozen_plan",
    "check_intent",
    "check_outcome",
    "check_read_before_repeat",
    "check_real_failure",
    "check_replay",
    "check_settled",
]


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


def check_evidence(it: Memory, book: Book, event: e.Passed) -> None:
    plan = book.plan
    if event.by == "judge" and plan.judging.errors and not plan.first:
        for site in it.world.sites.values():
            if book.counted[site.name] < 2:
                raise Violation(28, f"step {event.step + 1} passes, and {site.name} was not read twice since its shift")
    elif event.by not in {"judge", "probes"} and not event.why:
        raise Violation(4, f"{event.by} lets step {event.step + 1} pass without a reason")


def check_real_failure(it: Memory, book: Book, event: e.TurnedBack) -> None:
    candidate = book.plan.to.id
    if event.cause != "judge" or candidate in it.excused:
        return
    failed = any(users.failed.get(candidate) or users.active.get(candidate) for users in it.world.users.values())
    # A rollout that reaches no router may learn by its probes alone that another one has stopped its candidate.
    runs = (run for host in it.world.hosts.values() for run in host.slots.values())
    stopped = any(run.release.id == candidate and not run.wanted for run in runs)
    if not failed and not stopped and it.world.quality(candidate).answers == "well":
        raise Violation(28, f"{candidate} is taken back by the judge, and nothing of it ever failed")


def check_audit(event: e.Shifted, book: Book) -> None:
    if (event.router.partition("/")[2], event.generation) not in book.written:
        raise Violation(32, f"the journal says that {event.router} was shifted (generation {event.generation})")


def check_settled(it: Memory, site: FakeSite, settling: Settling, fence: int) -> None:
    book = it.books[settling.rollout]
    check_fence(it, site, fence)
    candidate, split = book.plan.to.id, site.split
    if site.name in it.disturbed or book.plan.first:
        return
    if settling.settlement == "committed" and split != Split.all_to(candidate):
        raise Violation(29, f"{site.name} is committed and shows {split}")
    if settling.settlement != "committed" and book.plan.kind == "promote" and split and split.weight(candidate):
        raise Violation(5, f"{site.name} is {settling.settlement} and shows {split}")


def check_outcome(it: Memory, book: Book, outcome: Outcome) -> None:
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


def check_replay(entries: Sequence[e.Entry], rollout: Rollout) -> None:
    """What was written and is read again folds to the state that was lived. A backlog may be missing, or be all there is."""
    if not entries:
        return
    again = replay(decode_entry(encode_entry(entry)) for entry in entries)
    if again.seq == rollout.seq and again != rollout:
        raise Violation(24, f"the journal of {rollout.id} does not fold to its last state")


def check_frozen_plan(book: Book, rollout: Rollout) -> None:
    if rollout.plan != book.plan:
        raise Violation(26, f"{rollout.id} ends with another plan than it began with")
