"""A commit that every router has taken is not taken back by the same rollout, also not by its recovery.

By then the old release has been told to end a day later. If this rollout went back to it, it would end while it serves.
"""

from releaser.core import events as e
from releaser.core.fold import replay
from releaser.core.requests import answer
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Split
from releaser.testing.samples import GOOD_RELEASE, NEW, entries

COMMITTED = GOOD_RELEASE[:-1]
HALF = GOOD_RELEASE[:-2]
RECOVERED = e.Recovered("grace", "boot-2", reason="the laptop died")
SHOWN = e.RouterSeen("web/lb1", Split.all_to(NEW.id), 7004, False, "committed", "1.4.2.test", 7)
ROLLBACK = e.Asked("rollback", "bo", "it feels slow")


def folded(*events: e.Event) -> Rollout:
    return replay(entries("1.4.2.test", events))


def test_a_rollback_of_a_committed_release_is_a_release_of_its_own() -> None:
    r = folded(*COMMITTED, RECOVERED)
    assert r.phase is Phase.LOOKING
    events, sentence, granted = answer(r, ROLLBACK)
    assert (events, granted) == ([], False)
    assert "releaser rollback" in sentence


def test_that_holds_after_a_second_crash_too() -> None:
    assert folded(*COMMITTED, RECOVERED, RECOVERED).committed


def test_what_the_routers_show_counts_where_the_journal_does_not_know() -> None:
    assert not folded(*HALF, RECOVERED).committed
    assert folded(*HALF, RECOVERED, SHOWN).committed


def test_who_turned_back_before_goes_on_back() -> None:
    turned = e.TurnedBack("abort", "bo", "wrong build")
    assert not folded(*HALF, turned, RECOVERED, SHOWN).committed


def test_before_that_a_rollback_is_granted() -> None:
    _, _, granted = answer(folded(*HALF, RECOVERED), ROLLBACK)
    assert granted
