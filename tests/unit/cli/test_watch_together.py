"""`watch` without a name follows every release that runs here at once, and its answer is the worst ending."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cli_world import ENVIRONMENT, Place

from releaser.core.events import Entry, Opened
from releaser.engine.session import Session
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, entries

BEGUN = 3


class Read(SqliteJournal):
    """Says when the second story was read beyond its beginning."""

    second = threading.Event()

    def tail(self, rollout: str, after_seq: int) -> Sequence[Entry]:
        if rollout == "r2" and after_seq >= BEGUN:
            self.second.set()
        return super().tail(rollout, after_seq)


@contextmanager
def two_releases(place: Place, *, rest: bool = True) -> Iterator[None]:
    """A good one of production and a bad one of staging; another process ends the first after the second was looked at."""
    (place.folder / "environments" / "staging.yaml").write_text(ENVIRONMENT)
    opened = BAD_RELEASE[0]
    assert isinstance(opened, Opened)
    other = replace(opened, plan=replace(opened.plan, environment="staging"))
    production, staging = entries("r1", GOOD_RELEASE), entries("r2", (other, *BAD_RELEASE[1:]))
    path = place.folder / "state" / "journal.db"

    def opener(*args: Any, **more: Any) -> Session:
        session = Place.open(place, *args, **more)
        session.journal = Read(path)
        return session

    place.open = opener  # type: ignore[method-assign]  # the same, with a journal that tells
    Read.second.clear()
    with SqliteJournal(path) as journal:
        for story in (production, staging):
            journal.append(story[:BEGUN])

        def go_on() -> None:
            journal.append(staging[BEGUN:-1])
            assert Read.second.wait(60)
            journal.append(production[BEGUN:])
            journal.append(staging[-1:])

        thread = threading.Thread(target=go_on)
        if rest:
            thread.start()
        yield
        if rest:
            thread.join()


def test_both_are_told_as_they_go_and_the_worst_ending_is_the_answer(place: Place) -> None:
    with two_releases(place):
        watched = place.run("watch")
    assert watched.code == 3
    assert "PROMOTED" in watched.out
    assert "ROLLED BACK" in watched.out
    told = [line.split()[1] for line in watched.err.splitlines()]
    assert told.index("staging") < len(told) - 1 - told[::-1].index("production"), "not one after the other"


def test_machines_get_one_document_or_a_line_an_event(place: Place) -> None:
    with two_releases(place):
        document = place.run("watch", "-o", "json").document
    assert [one["outcome"] for one in document["watched"]] == ["promoted", "rolled_back"]
    assert (document["exit"], document["environment"]) == (3, "staging")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_patience_ends_for_all_of_them(place: Place, form: str) -> None:
    with two_releases(place, rest=False):
        left = place.run("watch", "--timeout", "200ms", "-o", form)
    assert (left.code, left.last["outcome"] if form == "jsonl" else left.document["outcome"]) == (8, "running")
