"""Who is behind what is committed, by what routers, ledgers and slots say."""

from dataclasses import replace

from releaser.core.values import Split
from releaser.engine.behind import Behind, as_repaired, behind, newest_ledger, routers_behind
from releaser.engine.observe import Observed
from releaser.ports import LedgerState, RouterState, SlotState

OLD, NEW = "1.0-00000001", "1.1-00000002"
LEDGER = LedgerState("web/lb1", fence=5, current=NEW, slots={"blue": OLD, "green": NEW}, rollout="1.1.abc")
GREEN = SlotState("green", NEW, True, {"a": "running", "b": "running"})


def seen(*ledgers: LedgerState, slot: SlotState = GREEN, serves: str = NEW) -> Observed:
    states = {ledger.router: RouterState(Split.all_to(serves), 1) for ledger in ledgers}
    return Observed(
        {ledger.router: ledger for ledger in ledgers}, states, {"web": (SlotState("blue", OLD, True), slot)}
    )


def test_nobody() -> None:
    assert behind(seen(LEDGER)) == ()
    assert routers_behind(seen(LEDGER)) == ()


def test_each_in_its_own_words() -> None:
    words = {"a": "running", "b": "holds 0.9-00000003, running", "c": "unreachable", "d": "running", "e": "running"}
    slot = replace(GREEN, running=False, hosts=words, ending={"d": 7200.0})
    found = behind(seen(replace(LEDGER, away={NEW: ("e", "c"), OLD: ("a",)}), slot=slot))
    assert found == (
        Behind("web", "b", "holds 0.9-00000003, running"),
        Behind("web", "c", "unreachable", away=True),
        Behind("web", "d", "runs, and ends by itself in 2 h"),
        Behind("web", "e", "runs, and gets no requests yet"),
    )


def test_where_most_hosts_hold_another_release_they_are_the_ones_behind() -> None:
    slot = replace(GREEN, release=OLD)
    assert [one.why for one in behind(seen(LEDGER, slot=slot))] == [f"holds {OLD}, running"] * 2


def test_while_a_release_is_under_way_nobody_is() -> None:
    slot = replace(GREEN, hosts={"a": "stopped"})
    assert behind(seen(replace(LEDGER, candidate="1.2-00000004"), slot=slot)) == ()
    assert behind(seen(replace(LEDGER, current=None), slot=slot)) == ()


def test_a_router_that_was_away_in_a_rollback_is_behind() -> None:
    late = replace(LEDGER, router="web/lb2", fence=4, current=OLD)
    assert routers_behind(seen(LEDGER, late)) == ("web/lb2",)
    assert routers_behind(seen(LEDGER, serves=OLD)) == ("web/lb1",)


def test_a_repair_that_died_half_way_is_known_by_its_name() -> None:
    """lb2 was being told that 1.1 is committed, under a fence above lb1's: it must not pass for the newest word on 1.0."""
    half = replace(LEDGER, router="web/lb2", fence=6, current=OLD, candidate=NEW, rollout="recover.1234abcd")
    observed = seen(LEDGER, half)
    newest = newest_ledger(as_repaired(observed))
    assert newest is not None
    assert (newest.current, newest.candidate) == (NEW, None)
    assert routers_behind(observed) == ("web/lb2",)
    assert as_repaired(seen(LEDGER)) == seen(LEDGER)
