"""Traffic: who may be sent users, in which steps, and what may be stopped (invariants 1 to 10, 27)."""

from collections.abc import Sequence

from releaser.core.values import Slot, Split
from releaser.testing.fakes import FakeHost, FakeRun, FakeSite
from releaser.testing.invariants_memory import SLACK, Book, Memory, Violation

__all__ = [
    "check_agreement",
    "check_drift",
    "check_lowering",
    "check_no_traffic",
    "check_one_step",
    "check_pass",
    "check_ready",
    "check_removed",
    "check_something_to_undo",
    "check_stable_stays",
    "check_way_back",
    "check_weights",
]


def check_weights(site: FakeSite) -> None:
    split = site.split
    if split is not None and (sum(w for _, w in split.weights) != 100 or any(w < 0 for _, w in split.weights)):
        raise Violation(1, f"{site.name} has {split}")


def check_ready(it: Memory, book: Book) -> None:
    release = book.plan.to
    if it.world.quality(release.id).answers in {"never", "another version"}:
        raise Violation(2, f"{release.id} is given users, and it never was ready")
    for host in it.world.hosts.values():
        if host.placed.get(release.id) != release:
            raise Violation(2, f"{release.id} is given users, and it does not lie on {host.name} with its digest")
        if not any(run.release.id == release.id and run.wanted for run in host.slots.values()):
            raise Violation(2, f"{release.id} is given users, and it was not started on {host.name}")


def check_one_step(it: Memory, site: FakeSite, before: Split | None, book: Book) -> int:
    """The index of the step that this router rises to."""
    plan, candidate, split = book.plan, book.plan.to.id, site.split
    had, has = before.weight(candidate) if before else 0, split.weight(candidate) if split else 0
    weights = [step.weight for step in plan.steps]
    if has not in weights:
        raise Violation(3, f"{site.name} rises to {has} %, which is no step of the plan")
    step = weights.index(has)
    if had != (weights[step - 1] if step else 0) and site.name not in it.meddled:
        raise Violation(3, f"{site.name} rises from {had} % to {has} % in one go")
    return step


def check_lowering(it: Memory, site: FakeSite, book: Book) -> None:
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


def check_way_back(it: Memory, site: FakeSite, book: Book) -> None:
    target = book.plan.to.id
    if site.split != Split.all_to(target):
        raise Violation(3, f"{site.name} goes to {site.split}, not wholly to {target}")
    if target in site.ledger["bad"]:
        raise Violation(7, f"{site.name} is taken back to {target}, which is marked bad")
    if site.left_out.get(target):
        it.excused.add(target)  # the world's users go to all hosts alike; those of a real router do not
    if not it.world.answers(target) and target not in it.excused:
        raise Violation(6, f"{site.name} is taken back to {target}, which does not run")


def check_pass(it: Memory, site: FakeSite, book: Book, step: int, fence: int) -> None:
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


def check_agreement(it: Memory, site: FakeSite, book: Book, step: int) -> None:
    if book.turned and site.name in it.away:
        return  # it was sent before the decision to go back, and travelled longer than the order that takes it back elsewhere
    previous = book.plan.steps[step - 1].weight if step else 0
    for other in it.world.sites.values():
        weight = other.split.weight(book.plan.to.id) if other.split else 0
        if weight < previous and other.name not in it.disturbed:
            raise Violation(8, f"{site.name} rises to step {step + 1} while {other.name} is at {weight} %")


def check_no_traffic(it: Memory, host: FakeHost, run: FakeRun) -> None:
    for site in it.world.sites.values():
        if (
            site.split
            and site.split.weight(run.release.id)
            and site.name not in it.disturbed
            and host.name not in it.away
        ):
            raise Violation(6, f"{run.release.id} is stopped on {host.name} while {site.name} sends users to it")


def check_removed(it: Memory, host: FakeHost, removed: Sequence[str]) -> None:
    for site in it.world.sites.values():
        ledger = site.ledger
        needed = {
            ledger["current"],
            ledger["candidate"],
            ledger["evidence"],
            *ledger["good"],
            *(ledger["before"] or ()),
        }
        if gone := needed.intersection(removed):
            raise Violation(7, f"{gone} is removed from {host.name}, and the ledger of {site.name} counts on it")


def check_stable_stays(it: Memory, host: FakeHost, slot: Slot, run: FakeRun) -> None:
    release = run.release.id
    for book in it.books.values():
        open_ = book.outcome is None and release not in it.committed
        if book.plan.kind == "promote" and book.plan.origin == release and open_:
            raise Violation(7, f"{release} is stopped on {host.name} while {book.id} may still go back to it")
    since = it.committed.get(release)
    evicted = any(book.plan.binding and (slot, book.plan.to.id) in book.plan.binding and book.opened > (since or 0.0) for book in it.books.values())  # fmt: skip
    keep = max((book.plan.keep_warm for book in it.books.values()), default=0.0)
    if since is not None and not evicted and it.now - since < keep - SLACK:
        raise Violation(7, f"{release} is stopped on {host.name} {it.now - since:.0f} s after it was replaced")
