"""What every journal must do, as checks that take an empty one: for the file's, the memory's and a plug-in's.

@pytest.mark.parametrize("check", CHECKS)
def test_contract(check): check(MyJournal())
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from releaser.core.events import Alarmed, Asked, Entry, Held, Opened
from releaser.core.values import Moment
from releaser.errors import JournalCorruptError, JournalUnavailableError
from releaser.store.asked import Waiting
from releaser.store.summaries import Summary
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, ONE_OF_EACH, PLAN, entries

__all__ = ["CHECKS", "FullJournal"]

MOMENT = Moment(1.0, "boot-1", 1_760_000_000.0)


class FullJournal(Protocol):
    """`ports.Journal` and what history, recovery and requests on one machine need of it."""

    def append(self, entries: Sequence[Entry], *, patience: float | None = None) -> None: ...
    def read(self, rollout: str) -> Sequence[Entry]: ...
    def tail(self, rollout: str, after_seq: int) -> Sequence[Entry]: ...
    def head(self) -> tuple[str, int, str]: ...
    def check_against(self, journal_id: str, length: int, head: str) -> bool: ...
    def verify(self, last: int | None = None) -> Sequence[str]: ...
    def rollout(self, rollout: str) -> Summary | None: ...
    def rollouts(
        self, environment: str | None = None, limit: int = 100, *, upkeep: bool = False
    ) -> Sequence[Summary]: ...
    def open_rollouts(self, environment: str | None = None, *, upkeep: bool = False) -> Sequence[Summary]: ...
    def ask(self, environment: str, request: Asked, moment: Moment, *, rollout: str | None = None) -> int: ...
    def take(self, environment: str, rollout: str) -> Sequence[Waiting]: ...
    def answer(self, number: int, text: str) -> None: ...
    def answer_of(self, number: int) -> str | None: ...
    def withdraw(self, number: int) -> bool: ...
    def changed(self) -> int: ...


def check_what_was_appended_is_read_in_order(journal: FullJournal) -> None:
    good, bad = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE)
    for one, other in zip(good, bad, strict=False):
        journal.append([one, other], patience=5.0)
    journal.append(good[len(bad) :])
    _same(journal.read("good"), good)
    _same(journal.read("bad"), bad)
    _same(journal.tail("good", 20), good[21:])
    _same(journal.read("nobody's"), ())
    _same(journal.verify(), ())


def check_every_kind_of_event_is_kept(journal: FullJournal) -> None:
    every = entries("every", ONE_OF_EACH)
    journal.append(every)
    _same(journal.read("every"), every)


def check_appending_twice_is_appending_once(journal: FullJournal) -> None:
    good = entries("good", GOOD_RELEASE)
    journal.append(good[:5])
    before = journal.head()
    journal.append(good[:5])
    journal.append(good[2:4])
    _same(journal.head(), before)
    journal.append(good[3:8])
    _same(journal.read("good"), good[:8])


def check_another_event_under_the_same_number_is_refused(journal: FullJournal) -> None:
    good = entries("good", GOOD_RELEASE)
    journal.append(good[:5])
    _refused(JournalCorruptError, lambda: journal.append([good[5], replace(good[4], event=Held("no"))]))
    _refused(JournalCorruptError, lambda: journal.append([replace(good[4], moment=MOMENT)]))
    _same(journal.read("good"), good[:5])


def check_an_event_before_its_time_is_not_taken(journal: FullJournal) -> None:
    good = entries("good", GOOD_RELEASE)
    _refused(JournalUnavailableError, lambda: journal.append([good[1]]))
    journal.append(good[:3])
    before = journal.head()
    _refused(JournalUnavailableError, lambda: journal.append([good[3], good[5]]))
    _same(journal.head(), before)
    _same(journal.read("good"), good[:3])


def check_a_rollout_begins_with_what_was_opened(journal: FullJournal) -> None:
    _refused(ValueError, lambda: journal.append(entries("odd", [Alarmed("rollback", 1.0)])))
    _same(journal.head()[1], 0)


def check_the_head_vouches_for_all_rows(journal: FullJournal) -> None:
    id_, length, empty = journal.head()
    _same(length, 0)
    good = entries("good", GOOD_RELEASE)
    heads = [empty]
    for entry in good:
        journal.append([entry])
        heads.append(journal.head()[2])
    _same(len(set(heads)), len(good) + 1)
    _same(journal.head()[:2], (id_, len(good)))


def check_a_ledger_is_compared(journal: FullJournal) -> None:
    good = entries("good", GOOD_RELEASE)
    journal.append(good[:5])
    early = journal.head()
    journal.append(good)
    _same([journal.check_against(*early), journal.check_against(*journal.head())], [True, True])
    _same(journal.check_against("another", 99, "ab"), False)
    _refused(JournalCorruptError, lambda: journal.check_against(early[0], 5, "ab" * 32))
    _refused(JournalCorruptError, lambda: journal.check_against(early[0], 99, early[2]))


def check_rollouts_are_summed_up(journal: FullJournal) -> None:
    good, bad = entries("good", GOOD_RELEASE), entries("bad", BAD_RELEASE)
    journal.append(good[:-1])
    journal.append(bad)
    _same([summary.rollout for summary in journal.open_rollouts("production")], ["good"])
    _same([summary.rollout for summary in journal.open_rollouts()], ["good"])
    journal.append(good)
    _same(journal.open_rollouts(), ())
    _same([summary.rollout for summary in journal.rollouts("production")], ["bad", "good"])
    _same([summary.rollout for summary in journal.rollouts(limit=1)], ["bad"])
    _same([*journal.rollouts("staging"), *journal.open_rollouts("staging")], ())
    _same(journal.rollout("nobody's"), None)
    told = journal.rollout("bad")
    _same(
        told and (told.environment, told.outcome, told.seconds_to_stable, told.last_seq, told.last_kind, told.by),
        ("production", "rolled_back", 0.31, len(bad) - 1, "Finished", "ada"),
    )


def check_what_is_no_release_is_told_only_to_who_asks(journal: FullJournal) -> None:
    recover = Opened(replace(PLAN, kind="recover", origin=None, before=None), "ada")
    journal.append(entries("good", GOOD_RELEASE))
    journal.append(entries("recover.1", [recover]))
    _same([one.rollout for one in journal.rollouts("production")], ["good"])
    _same([one.rollout for one in journal.rollouts("production", upkeep=True)], ["recover.1", "good"])
    _same([one.rollout for one in journal.rollouts(limit=1)], ["good"])
    _same([*journal.open_rollouts("production"), *journal.open_rollouts()], ())
    _same([one.rollout for one in journal.open_rollouts("production", upkeep=True)], ["recover.1"])
    _same([one.rollout for one in journal.open_rollouts(upkeep=True)], ["recover.1"])


def check_a_request_is_heard_once_and_answered(journal: FullJournal) -> None:
    abort, pause = Asked("abort", "ada", "wrong build"), Asked("pause", "grace", until=3600.0)
    first = journal.ask("production", abort, MOMENT, rollout="good")
    second = journal.ask("production", pause, MOMENT)
    elsewhere = journal.ask("staging", pause, MOMENT)
    other = journal.ask("production", abort, MOMENT, rollout="another")
    _same(
        journal.take("production", "good"),
        [Waiting(first, "production", "good", MOMENT, abort), Waiting(second, "production", None, MOMENT, pause)],
    )
    _same(journal.take("production", "good"), ())
    _same([one.id for one in journal.take("production", "another")], [other])
    _same((journal.answer_of(first), journal.withdraw(first)), (None, False))
    journal.answer(first, "going back")
    _same((journal.answer_of(first), journal.answer_of(second), journal.answer_of(99)), ("going back", None, None))
    _same(journal.withdraw(elsewhere), True)
    _same(journal.take("staging", "good"), ())


def check_a_watcher_sees_that_something_changed(journal: FullJournal) -> None:
    seen = [journal.changed()]
    journal.append(entries("good", GOOD_RELEASE[:2]))
    seen.append(journal.changed())
    journal.ask("production", Asked("abort", "ada"), MOMENT)
    seen.append(journal.changed())
    _same((len(set(seen)), journal.changed()), (3, seen[-1]))


CHECKS: tuple[Callable[[FullJournal], None], ...] = (
    check_what_was_appended_is_read_in_order,
    check_every_kind_of_event_is_kept,
    check_appending_twice_is_appending_once,
    check_another_event_under_the_same_number_is_refused,
    check_an_event_before_its_time_is_not_taken,
    check_a_rollout_begins_with_what_was_opened,
    check_the_head_vouches_for_all_rows,
    check_a_ledger_is_compared,
    check_rollouts_are_summed_up,
    check_what_is_no_release_is_told_only_to_who_asks,
    check_a_request_is_heard_once_and_answered,
    check_a_watcher_sees_that_something_changed,
)


def _same(found: object, expected: object) -> None:
    """Lists and tuples with the same content count as the same."""
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        same = list(found) == list(expected)
    else:
        same = found == expected
    if not same:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def _refused(kind: type[Exception], act: Callable[[], object]) -> None:
    try:
        act()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected, and nothing was raised")
