"""What must always be true of the world, whatever the engine says? The numbers are those of docs/explanation/invariants.md.

Each check is one small function that raises `Violation`; `Invariants` only says when it is their turn.
"""

from collections.abc import Sequence

from releaser.core import events as e
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome, Slot, Split
from releaser.ports import Claim, Settling
from releaser.testing.fakes import FakeHost, FakeRun, FakeSite, FakeSwitch
from releaser.testing.invariants_journal import (
    check_audit,
    check_evidence,
    check_intent,
    check_outcome,
    check_read_before_repeat,
    check_real_failure,
    check_settled,
)
from releaser.testing.invariants_memory import COVERED, SLACK, Book, Memory, Violation
from releaser.testing.invariants_time import (
    check_abort_wins,
    check_alarm,
    check_armed,
    check_attempts,
    check_back_in_time,
    check_deadline,
    check_fence,
    check_fired_in_time,
    check_lease,
    check_not_committed,
    check_nothing_armed_after_end,
    check_one_holder,
    check_sign_of_life,
    check_urgent,
)
from releaser.testing.invariants_traffic import (
    check_agreement,
    check_drift,
    check_lowering,
    check_no_traffic,
    check_one_step,
    check_pass,
    check_ready,
    check_removed,
    check_something_to_undo,
    check_stable_stays,
    check_way_back,
    check_weights,
)
from releaser.testing.sim_process import Process
from releaser.testing.sim_users import WorldWatcher
from releaser.testing.sim_work import Work

__all__ = ["COVERED", "Book", "Invariants", "Violation"]


class Invariants(Memory, WorldWatcher):
    """The watcher of one simulated environment and of the processes that release to it."""

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
        elif book.plan.first and book.turned:  # nothing to go back to: once users were sent to it, it goes everywhere
            check_ready(self, book)
            book.risen.add(site.name)
        elif split.weight(candidate) > (before.weight(candidate) if before else 0):
            step = check_one_step(self, site, before, book)
            check_armed(site, book, fence)
            check_ready(self, book)
            check_pass(self, site, book, step, fence)
            check_drift(site, book)
            check_agreement(self, site, book, step)
            book.risen.add(site.name)
        else:
            check_lowering(self, site, book)

    def acquired(self, site: FakeSite, claim: Claim, fence: int, *, force: bool) -> None:
        check_one_holder(self, site, claim, fence, force=force)
        book = self.books[claim.rollout]
        if book.plan.kind == "promote" and book.turned is None and not book.recovered:
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
        elif book.plan.origin:
            self.committed.pop(book.plan.origin, None)

    def fired(self, site: FakeSite, switch: FakeSwitch) -> None:
        check_fired_in_time(self, site, switch)
        self.disturbed.add(site.name)

    # hosts and users

    def stopped(self, host: FakeHost, slot: Slot, run: FakeRun) -> None:
        check_no_traffic(self, host, run)
        check_stable_stays(self, host, slot, run)

    def collected(self, host: FakeHost, removed: Sequence[str]) -> None:
        check_removed(self, host, removed)

    def unanswered(self, site: FakeSite, release: str, requests: float) -> None:
        if release not in self.excused and site.name not in self.meddled:
            raise Violation(9, f"{requests:.0f} requests on {site.name} met {release}, which is not ready")

    # processes

    def renews(self, process: Process) -> None:
        check_sign_of_life(self, process)

    def waits(self, work: Work) -> None:
        check_urgent(work)

    def spins(self, process: Process) -> None:
        raise Violation(13, f"{process.name} writes and writes in one turn")

    def calls(self, process: Process, call: str, host: str, work: Work) -> None:
        check_intent(process, call, work)
        check_read_before_repeat(call, host, work)

    def wrote(self, process: Process, entry: e.Entry, rollout: Rollout) -> None:
        event = entry.event
        book = self.books.get(rollout.id)
        if book is None:
            book = self.books[rollout.id] = Book(rollout.id, rollout.plan, self.now, since=self.now)
        check_deadline(self, book, rollout)
        match event:
            case e.Passed():
                check_evidence(self, book, event)
            case e.Shifted():
                check_audit(event, book)
            case e.Recovered(finish=finish):
                book.passes[rollout.step - 1] += finish
                for written in process.read(
                    rollout.id
                ):  # the last may be durable, and its writer died before it told us
                    if isinstance(written.event, e.Issued):
                        book.note(written.event)
            case e.TurnedBack() if book.turned is None:
                check_real_failure(self, book, event)
                check_not_committed(self, book)
                book.turned, book.turned_at = event, self.now
                self._watch_way_back(book)
            case e.Finished():
                self._finished(book, event)
        book.note(event)

    def _watch_way_back(self, book: Book) -> None:
        budget = book.plan.budget.rollback
        self.world.timeline.after(budget + SLACK, lambda: check_back_in_time(self, book))

    def _finished(self, book: Book, event: e.Finished) -> None:
        book.outcome, book.ended_at = event.outcome, self.now
        check_outcome(self, book, event.outcome)
        check_abort_wins(book, event.outcome)
        check_alarm(book, event)
        check_attempts(self, book, event)
        if event.outcome is Outcome.INCOMPLETE and not self.away.isdisjoint(self.world.hosts):
            # It says that a host could not be told to keep it: there it ends with its time, unless somebody tries again.
            self.excused.add(book.plan.to.id)

    def hindered(self) -> None:
        """A process was stopped or killed, or its journal was: deadlines of the present phase are no measure now."""
        for book in self.books.values():
            book.waited = True

    def stood_still(self, seconds: float) -> None:
        """The processes that drive did nothing for so long: a rollback, which no timer backs, is as good as left alone."""
        for book in self.books.values():
            book.deserted |= book.turned is not None and seconds > book.plan.budget.rollback / 2

    def counted(self, router: str) -> None:
        for book in self.books.values():
            book.counted[router] += 1
