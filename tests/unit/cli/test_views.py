"""The screens, word for word. RELEASER_WRITE_GOLDEN=1 writes them anew: read the difference before you keep it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releaser.cli.answer import of_rollout
from releaser.cli.follow import Following
from releaser.cli.lines import KEYS, Line, text_of, wrapped
from releaser.cli.status_of import Status, document_of, exit_of
from releaser.cli.views.ending import ending_lines
from releaser.cli.views.evidence import odds, soon
from releaser.cli.views.history import history_lines
from releaser.cli.views.plan import plan_lines, refusal_lines
from releaser.cli.views.release import release_lines
from releaser.cli.views.status import status_lines
from releaser.config.compile_back import Choice
from releaser.config.observed import Refusal
from releaser.core import events as e
from releaser.core.analysis.planner import sees
from releaser.core.analysis.wording import sends
from releaser.core.events import Event
from releaser.core.plan import Undo
from releaser.core.share import interval
from releaser.core.values import Agreement, Counts, Split, Verdict
from releaser.engine.observe import Observed
from releaser.ports import Frozen, Holder, LedgerState, RouterState
from releaser.store.summaries import Summary
from releaser.store.summarising import summarise
from releaser.testing.samples import BAD_RELEASE, BEFORE, GOOD_RELEASE, NEW, OLD, PLAN, QUARTER, entries

GOLDEN = Path(__file__).parents[2] / "data" / "cli"
WALL = 1_760_000_100.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def expect(name: str, lines: Sequence[Line]) -> None:
    """Both widths in one file."""
    text = ""
    for width in (80, 120):
        pieces = [text_of(piece).rstrip() for one in lines for piece in wrapped(one, width, KEYS)]
        assert all(len(piece) <= width for piece in pieces)
        text += "\n".join([f"--- {width} columns", *pieces, ""])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RELEASER_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def following(*events: Event) -> Following:
    found = Following()
    found.take_all(entries("1.4.2.9c2e01aa", events))
    return found


def judged(log_bad: float, failed: int, verdict: Verdict = Verdict.INCONCLUSIVE) -> e.Judged:
    figures = e.Figures(Counts(2290, failed), Counts(6800, 14), log_bad, 0.4)
    share = e.Share("web/lb1", 25, 2290, 9090, *interval(2290, 9090), Agreement.AGREES)
    why = "1.4.2 answered 71 of 2,290 with errors, 1.4.1 14 of 6,800: not known yet"
    return e.Judged(0, verdict, why, figures, (share,))


MIDWAY = (*GOOD_RELEASE[:13], judged(1.0, 30), judged(3.0, 71))


def test_the_live_view() -> None:
    expect("live", release_lines(following(*MIDWAY), WALL + 16))


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("live-approval", GOOD_RELEASE[:16]),
        ("live-paused", (*MIDWAY, e.Paused("ada", 3600.0))),
        ("live-held", (*MIDWAY, e.Held("it fails more and the playbook says hold"))),
        ("live-back", BAD_RELEASE[:15]),
        ("live-done", GOOD_RELEASE),
        ("live-first", GOOD_RELEASE[:1]),
    ],
)
def test_the_live_view_in_other_states(name: str, events: tuple[Event, ...]) -> None:
    expect(name, release_lines(following(*events), WALL + len(events)))


def test_a_router_that_strays_from_its_split_is_named_on_both_screens_and_in_the_story() -> None:
    share = e.Share("web/lb1", 25, 4000, 5000, *interval(4000, 5000), Agreement.DISAGREES)
    why = sends(share, "1.4.2")
    seen = e.Judged(0, Verdict.INCONCLUSIVE, why, e.Figures(Counts(4000, 9), Counts(1000, 2)), (share,))
    astray = following(*GOOD_RELEASE[:13], seen)
    expect("live-astray", release_lines(astray, WALL + 16))
    expect("status-astray", status_lines(replace(STATES["status-running"], following=astray), WALL))
    (told,) = document_of(replace(STATES["status-running"], following=astray))["observed"]
    assert (told["set"], told["candidate"], told["requests"], told["agreement"]) == (25, 4000, 5000, "disagrees")
    assert told["low"] < 0.8 < told["high"]
    assert astray.story[-1].text.startswith(f"step 1 needs more evidence: {why}")
    before = len(astray.story)
    astray.take_all(entries("1.4.2.9c2e01aa", (*GOOD_RELEASE[:13], seen, seen)))
    assert len(astray.story) == before, "the same is said once"


def test_when_the_verdict_will_be_bad_is_told_only_while_the_evidence_grows() -> None:
    assert soon(following(*MIDWAY), WALL + 15) == "verdict bad in about 1 s"
    assert soon(following(*MIDWAY[:-1]), WALL + 15) == ""
    assert soon(following(*MIDWAY, judged(3.0, 71, Verdict.BAD)), WALL + 15) == ""


def test_a_good_version_is_not_said_to_be_bad_soon() -> None:
    """Chance alone lets the evidence against it grow a little; and what waits for a person was found good."""
    assert soon(following(*GOOD_RELEASE[:13], judged(0.1, 30), judged(0.9, 32)), WALL + 15) == ""
    waits = following(*MIDWAY, e.Passed(0, "judge", "not worse"), e.ApprovalAsked(0, "ops", 600.0))
    assert soon(waits, WALL + 16) == ""


def test_a_way_back_is_offered_only_where_there_is_one() -> None:
    def offered(name: str, **more: Any) -> bool:
        (last,) = (
            text_of(one) for one in status_lines(replace(STATES[name], **more), WALL) if text_of(one)[:2] == "do"
        )
        return "rollback" in last

    taken_back = replace(SERVING, settled=("r-9", "reverted"))
    assert offered("status-serving")
    assert not offered("status-only-one")
    assert not offered("status-serving", observed=Observed({"web/lb1": taken_back}))
    assert not offered("status-first")
    assert offered("status-running")
    assert not offered("status-running", observed=Observed({"web/lb1": replace(RELEASING, bad={OLD.id: "x"})}))


def test_odds_are_said_as_people_bet() -> None:
    assert [odds(x) for x in (-1.0, 0.7, 4.605, 99.0)] == ["none yet", "2.0 to 1", "100 to 1", "over 1,000,000 to 1"]


def test_how_releases_end() -> None:
    for name, events in (("ended-promoted", GOOD_RELEASE), ("ended-back", BAD_RELEASE)):
        r = following(*events).rollout
        assert r is not None
        expect(name, ending_lines(r, of_rollout(r, "forward", wall=WALL)))


def test_the_plan() -> None:
    sights = [sees(PLAN, index, 120.0, 0.002) for index in range(len(PLAN.steps))]
    expect("plan", plan_lines(PLAN, sights, "3fa9" * 16))
    expect("plan-first", plan_lines(replace(PLAN, origin=None, before=None, undo=Undo(None)), (), "3fa9" * 16))


def test_a_refusal() -> None:
    refusals = (
        Refusal("frozen", "production is frozen by bo until somebody lifts it: week end", ("releaser unfreeze",)),
    )
    expect("refused", refusal_lines("production", "1.4.2", refusals))


HELD_BY = Holder("ci:shop#8812", "1.4.2.9c2e01aa", NEW.id, 7, 19.0)
SERVING = LedgerState(
    "web/lb1", "production", 7, current=OLD.id, good=(OLD.id, "1.4.0-11111111"),
    slots={"blue": OLD.id, "green": NEW.id}, generation=7003, split=BEFORE, guard="alive",
)  # fmt: skip
RELEASING = replace(SERVING, holder=HELD_BY, candidate=NEW.id, split=QUARTER, before=BEFORE, armed_left=12.0)
CHOICES = (Choice(OLD.id, warm=True, current=True), Choice("1.4.0-11111111", warm=False))


def summary(*events: Event, start: float = 100.0) -> Summary:
    found: Summary | None = None
    for entry in entries("r1", events, start=start):
        found = summarise(found, entry)
    assert found is not None
    return found


def status(state: str, ledger: LedgerState | None, split: Split | None, *events: Event, **more: Any) -> Status:
    observed = Observed(
        {"web/lb1": ledger} if ledger else {},
        {"web/lb1": RouterState(split, 7003)} if ledger else {},
        {},
        {} if ledger else {"web/lb1": "no answer within 5 s"},
    )
    base = Status("production", state, observed, following(*events), CHOICES, (summary(*GOOD_RELEASE),), None)  # type: ignore[arg-type]  # a State
    return replace(base, **more)


STATES = {
    "status-running": status("running", RELEASING, QUARTER, *MIDWAY),
    "status-held": status("held", RELEASING, QUARTER, *MIDWAY, e.Held("it fails more")),
    "status-elsewhere": status("running", RELEASING, QUARTER),
    "status-abandoned": status("abandoned", replace(RELEASING, holder=replace(HELD_BY, left=0.0)), QUARTER, *MIDWAY),
    "status-serving": status("serving", SERVING, BEFORE, undo=Undo(2.1)),
    "status-frozen": status("frozen", replace(SERVING, frozen=Frozen("bo", "week end", 7200.0)), BEFORE),
    "status-down": status("down", SERVING, BEFORE, trouble="web: web1 stopped; the router web/lb1 does not run"),
    "status-only-one": status("serving", SERVING, BEFORE, choices=CHOICES[:1]),
    "status-first": status("running", replace(RELEASING, current=None, good=()), QUARTER, choices=()),
    "status-unreachable": status("unreachable", None, None, choices=()),
    "status-empty": status("empty", LedgerState("web/lb1"), None, choices=(), recent=()),
}


@pytest.mark.parametrize("name", STATES)
def test_the_screen_at_three_in_the_morning(name: str) -> None:
    expect(name, status_lines(STATES[name], WALL + 16))


def test_one_silent_router_is_named_with_what_it_does_by_itself() -> None:
    seen = STATES["status-running"].observed
    one = replace(STATES["status-running"], observed=replace(seen, silent={"web/lb2": "no answer within 5 s"}))
    expect("status-one-silent", status_lines(one, WALL + 16))
    assert exit_of(one) == 8


def test_routers_that_differ() -> None:
    ledgers = {"web/lb1": SERVING, "web/lb2": replace(SERVING, split=QUARTER)}
    routers = {"web/lb1": RouterState(BEFORE, 1), "web/lb2": RouterState(QUARTER, 1)}
    one = replace(STATES["status-serving"], state="differ", observed=Observed(ledgers, routers))
    expect("status-differ", status_lines(one, WALL))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("status-running", 8),
        ("status-held", 9),
        ("status-abandoned", 5),
        ("status-serving", 0),
        ("status-frozen", 0),
        ("status-down", 1),
        ("status-unreachable", 1),
    ],
)
def test_what_check_says(name: str, code: int) -> None:
    assert exit_of(STATES[name]) == code
    assert document_of(STATES[name])["environment"] == "production"


def test_check_remembers_a_release_that_was_taken_back() -> None:
    taken = replace(
        STATES["status-serving"], observed=Observed({"web/lb1": replace(SERVING, settled=("r", "reverted"))})
    )
    assert exit_of(taken) == 3


def test_the_history() -> None:
    expect(
        "history",
        history_lines([summary(*BAD_RELEASE, start=90_000.0), summary(*GOOD_RELEASE), summary(*GOOD_RELEASE[:3])]),
    )
    assert "promote" in text_of(history_lines([])[0])
