import itertools
from pathlib import Path
from typing import Any

import pytest

from releaser.config.compile_back import Choice, choices, compile_rollback
from releaser.config.environment import Environment
from releaser.config.observed import Refusals, Seen, Unchanged
from releaser.config.read import load_environment
from releaser.core.plan import Plan
from releaser.core.values import Release, Split
from releaser.engine.registry import Registry
from releaser.ports import Holder, LedgerState, RouterState

OLDEST, OLD, NOW, NEXT = (Release.of(f"1.4.{n}", str(n) * 64, "c" * 64) for n in range(4))
KNOWN = {release.id: release for release in (OLDEST, OLD, NOW, NEXT)}
FILE = """\
app: shop
artifact: dist/shop-{version}.tar.gz
hosts: [web1.example.com]
run: ./bin/shop --port {port}
router: haproxy://lb1,lb2/shop
freeze_after_rollback: 30m
"""


@pytest.fixture
def environment(tmp_path: Path, options: Registry) -> Environment:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "production.yaml").write_text(FILE)
    return load_environment(folder, "production", options)[0]


def ledger(**changes: Any) -> LedgerState:
    """1.4.2 runs in green, 1.4.1 is warm in blue, 1.4.0 came before."""
    committed: dict[str, Any] = {
        "router": "web/lb1", "environment": "production", "fence": 9, "current": NOW.id, "good": (NOW.id, OLD.id, OLDEST.id),
        "releases": KNOWN, "slots": {"blue": OLD.id, "green": NOW.id}, "generation": 9000, "split": Split.all_to(NOW.id),
        "settled": ("r-9", "committed"),
    }  # fmt: skip
    return LedgerState(**{**committed, **changes})


def seen(**changes: Any) -> list[Seen]:
    known = ledger(**changes)
    return [Seen("web/lb1", known, RouterState(known.split, known.generation)), Seen("web/lb2", None, None)]


def planned(environment: Environment, observed: list[Seen], **asked: Any) -> Plan:
    made = compile_rollback(environment, observed, **asked)
    assert isinstance(made, Plan), made
    return made


def refused(environment: Environment, observed: list[Seen], **asked: Any) -> Refusals:
    made = compile_rollback(environment, observed, **asked)
    assert isinstance(made, Refusals), made
    return made


def test_back_to_the_last_good_one_which_is_warm(environment: Environment) -> None:
    plan = planned(environment, seen())
    assert (plan.kind, plan.to, plan.origin, plan.cold) == ("rollback", OLD, NOW.id, False)
    assert plan.binding == (("blue", OLD.id), ("green", NOW.id))
    assert [step.weight for step in plan.steps] == [100]
    assert (plan.mark_bad, plan.freeze, plan.before) == (True, 1800, Split.all_to(NOW.id))
    assert [ref.name for ref in plan.routers] == ["web/lb1", "web/lb2"], (
        "one that does not answer is tried again and again"
    )
    assert [one.router for one in plan.expected] == ["web/lb1"]


def test_the_person_may_spare_the_version_and_the_freeze(environment: Environment) -> None:
    plan = planned(environment, seen(), mark_bad=False, freeze=0.0)
    assert (plan.mark_bad, plan.freeze) == (False, 0.0)


def test_a_release_on_its_way_is_taken_back_first(environment: Environment) -> None:
    split = Split.of({NOW.id: 75, NEXT.id: 25})
    slots = {"blue": NEXT.id, "green": NOW.id}
    going = {"candidate": NEXT.id, "before": Split.all_to(NOW.id), "split": split, "slots": slots}
    going |= {"holder": Holder("ci", "r-10", NEXT.id, 10, 9.0)}
    plan = planned(environment, seen(**going))
    assert (plan.to, plan.origin, plan.before) == (NOW, NEXT.id, split)
    assert refused(environment, seen(**going), to=OLD.id).items[0].code == "no-slot"
    first = {**going, "current": None, "good": (), "slots": {"blue": NEXT.id}}
    assert refused(environment, seen(**first)).items[0].code == "no-way-back"


def test_a_second_rollback_goes_where_the_first_one_goes(environment: Environment) -> None:
    """Two people on call, two laptops: the second must not bring back what the first takes away."""
    going = {"candidate": NOW.id, "holder": Holder("ada", "r-11", OLD.id, 10, 9.0)}
    for settled in (None, ("r-9", "reverted"), ("r-9", "committed")):
        assert planned(environment, seen(**going, settled=settled)).to == OLD
    half = seen(current=OLD.id, bad={NOW.id: "by ada"}, fence=10, settled=("r-11", "reverted"))
    other = Seen("web/lb2", ledger(router="web/lb2", fence=10, **going), None)
    assert planned(environment, [*half, other]).to == OLD
    assert refused(environment, seen(**going), to=OLDEST.id).items[0].code == "no-slot"


def test_a_cold_one_takes_the_slot_of_what_does_not_run(environment: Environment) -> None:
    plan = planned(environment, seen(), to="1.4.0")
    assert (plan.to, plan.cold) == (OLDEST, True)
    assert plan.binding == (("blue", OLDEST.id), ("green", NOW.id))
    assert planned(environment, seen(), running=[NOW.id]).cold
    assert not planned(environment, seen(), running=[NOW.id, OLD.id]).cold


def test_run_again_it_says_so_and_names_the_next_one(environment: Environment) -> None:
    back = {
        "current": OLD.id,
        "bad": {NOW.id: "by ada"},
        "settled": ("r-10", "reverted"),
        "split": Split.all_to(OLD.id),
    }
    made = compile_rollback(environment, seen(**back))
    assert isinstance(made, Unchanged)
    assert made.release == OLD.id
    assert made.fix == (f"releaser rollback -e production --to {OLDEST.id}",)
    assert planned(environment, seen(**back), to=OLDEST.id).to == OLDEST
    again = compile_rollback(environment, seen(), to="1.4.2")
    assert isinstance(again, Unchanged)


@pytest.mark.parametrize("to", [None, "1.4.2"])
def test_what_should_answer_and_runs_nowhere_is_started_again(environment: Environment, to: str | None) -> None:
    observed = seen(settled=("r-10", "reverted"))
    plan = planned(environment, observed, to=to, running=[OLD.id])
    assert (plan.to, plan.origin, plan.cold, plan.freeze) == (NOW, None, True, 0.0)
    assert plan.binding == (("blue", OLD.id), ("green", NOW.id))
    assert isinstance(compile_rollback(environment, observed, to=to, running=[NOW.id]), Unchanged)
    assert isinstance(compile_rollback(environment, observed, to=to), Unchanged), (
        "nobody looked: the ledger is believed"
    )


def test_a_new_start_of_what_was_committed_takes_nothing_back(environment: Environment) -> None:
    """`status --check` and a second `rollback` go by how the last one ended: after a way back it stays that."""
    for settled, again in ((("r-10", "committed"), True), (("r-10", "cancelled"), True), (("r-10", "reverted"), False)):
        assert planned(environment, seen(settled=settled), to="1.4.2", running=[OLD.id]).again is again
        assert not planned(environment, seen(settled=settled), to="1.4.1").again


def test_never_to_a_bad_or_unknown_one(environment: Environment) -> None:
    bad = {OLD.id: "failed 71 of 2290 requests"}
    assert planned(environment, seen(bad=bad)).to == OLDEST
    refusal = refused(environment, seen(bad=bad), to="1.4.1").items[0]
    assert refusal.code == "bad"
    assert "71 of 2290" in refusal.why
    assert refusal.fix == (f"releaser rollback -e production --to {OLDEST.id}",)
    for unknown in ("9.9.9", "", "../x", NEXT.id):
        refusal = refused(environment, seen(), to=unknown).items[0]
        assert refusal.code == "unknown-release"
        assert refusal.fix == tuple(f"releaser rollback -e production --to {one.id}" for one in (OLD, OLDEST))
    assert refused(environment, seen(good=(NOW.id,))).items[0].code == "no-way-back"
    assert refused(environment, seen(releases={NOW.id: NOW})).items[0].code == "unknown-release"


GOING = {
    "candidate": NEXT.id, "before": Split.all_to(NOW.id), "split": Split.of({NOW.id: 75, NEXT.id: 25}),
    "slots": {"blue": NEXT.id, "green": NOW.id}, "settled": None,
}  # fmt: skip


def test_a_bad_one_beside_the_candidate_is_no_way_back_but_the_release_can_be_called_off(
    environment: Environment,
) -> None:
    observed = seen(**GOING, bad={NOW.id: "failed its probes"})
    refusal = refused(environment, observed).items[0]
    assert refusal.code == "bad"
    assert "releaser abort -e production" in refusal.fix
    assert planned(environment, observed, calling_off=True, mark_bad=False).to == NOW


def test_what_is_under_way_is_no_way_back_from_itself(environment: Environment) -> None:
    going = {**GOING, "candidate": OLD.id, "slots": {"blue": OLD.id, "green": NOW.id}}
    for name in (OLD.id, "1.4.1"):
        assert refused(environment, seen(**going), to=name).items[0].code == "under-way"
    assert planned(environment, seen(**going)).to == NOW
    listed = {choice.release: choice.current for choice in choices(seen(**going))}
    assert listed == {NOW.id: False, OLD.id: True, OLDEST.id: False}


def test_no_rollback_goes_to_its_own_origin_or_to_a_bad_one(environment: Environment) -> None:
    """Every mix of what is under way, what is bad and what is asked for, over two ledgers of which one may be behind."""
    made = 0
    for candidate, bad, to, behind in itertools.product(
        (None, NEXT.id, OLD.id), ({}, {NOW.id: "x"}, {OLD.id: "x"}, {NOW.id: "x", OLD.id: "x"}),
        (None, NOW.id, OLD.id, OLDEST.id, NEXT.id), (False, True),
    ):  # fmt: skip
        slots = {"blue": candidate or OLD.id, "green": NOW.id}
        first = ledger(candidate=candidate, bad=bad, slots=slots)
        second = ledger(router="web/lb2", fence=8, candidate=candidate) if behind else first
        observed = [Seen("web/lb1", first, RouterState(first.split, 9000)), Seen("web/lb2", second, None)]
        plan = compile_rollback(environment, observed, to=to)
        if isinstance(plan, Plan):
            made += 1
            assert plan.to.id != plan.origin
            assert plan.to.id not in bad
            assert plan.to.id in dict(plan.binding).values()
            assert plan.origin is None or plan.origin in dict(plan.binding).values()
    assert made > 30


def test_a_router_that_was_away_when_a_release_was_taken_back_is_brought_home(environment: Environment) -> None:
    settled = ledger(fence=11, slots={"blue": NEXT.id, "green": NOW.id}, settled=("r-10", "reverted"))
    returned = ledger(router="web/lb2", fence=10, **GOING)
    observed = [Seen(one.router, one, RouterState(Split.all_to(NOW.id), 9000)) for one in (settled, returned)]
    plan = planned(environment, observed, calling_off=True, mark_bad=False, freeze=0.0)
    assert (plan.to, plan.origin) == (NOW, NEXT.id)
    assert [ref.name for ref in plan.routers] == ["web/lb1", "web/lb2"]


def test_what_one_ledger_knows_counts_for_all(environment: Environment) -> None:
    behind = ledger(fence=8, bad={OLD.id: "x"}, current=OLD.id)
    observed = [Seen("web/lb1", ledger(), None), Seen("web/lb2", behind, None)]
    assert planned(environment, observed).to == OLDEST


def test_without_any_ledger_nothing_can_be_planned(environment: Environment) -> None:
    assert refused(environment, [Seen("web/lb1", None, None)]).items[0].code == "unreachable"
    nothing = compile_rollback(environment, [Seen("web/lb1", LedgerState("web/lb1"), RouterState(None, 0))])
    assert isinstance(nothing, Unchanged)
    assert nothing.release is None


def test_the_choices_are_listed() -> None:
    assert choices(seen(bad={OLD.id: "x"})) == (
        Choice(NOW.id, warm=True, current=True),
        Choice(OLD.id, warm=True, bad="x"),
        Choice(OLDEST.id, warm=False),
    )
    assert choices([Seen("web/lb1", None, None)]) == ()
