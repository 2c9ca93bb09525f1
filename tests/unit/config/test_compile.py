from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releaser.config.compile import compile_promotion
from releaser.config.environment import Environment, canonical
from releaser.config.observed import Around, Refusals, Seen, Unchanged, Underway
from releaser.config.playbook import load_playbook
from releaser.config.read import load_environment
from releaser.core.codec import decode_plan, encode_plan
from releaser.core.plan import Plan, Undo
from releaser.core.values import Release, Slot, Split
from releaser.engine.registry import Registry
from releaser.ports import Frozen, Holder, LedgerState, RouterState

SHIPPED = Path(__file__).parents[3] / "playbooks"
OLD = Release.of("1.4.1", "a" * 64, "c" * 64)
NEW = Release.of("1.4.2", "b" * 64, "c" * 64)
CANARY = load_playbook([SHIPPED], "canary")
FILE = """\
app: shop
artifact: dist/shop-{version}.tar.gz
hosts: [web1.example.com]
run: ./bin/shop --port {port}
router: haproxy://lb1.example.com,lb2.example.com/shop
"""


@pytest.fixture
def load(tmp_path: Path, options: Registry) -> Callable[..., Environment]:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "production.yaml").write_text(FILE)
    return lambda *settings: load_environment(folder, "production", options, settings=settings)[0]


@pytest.fixture
def environment(load: Callable[..., Environment]) -> Environment:
    return load()


def router(name: str, **changes: Any) -> Seen:
    """One that serves 1.4.1 from blue, as its ledger says."""
    state = changes.pop("state", RouterState(Split.all_to(OLD.id), 7000))
    finest = changes.pop("finest", 1)
    known = {OLD.id: OLD}
    settled: dict[str, Any] = {
        "router": f"web/{name}", "environment": "production", "fence": 7, "current": OLD.id, "good": (OLD.id,), "releases": known,
        "slots": {"blue": OLD.id}, "generation": 7000, "split": Split.all_to(OLD.id),
    }  # fmt: skip
    return Seen(f"web/{name}", LedgerState(**{**settled, **changes}), state, finest)


def both(**changes: Any) -> list[Seen]:
    return [router("lb1.example.com", **changes), router("lb2.example.com", **changes)]


def empty() -> list[Seen]:
    return [
        Seen(f"web/{name}.example.com", LedgerState(f"web/{name}.example.com"), RouterState(None, 0))
        for name in ("lb1", "lb2")
    ]


def planned(*args: Any, **options: Any) -> Plan:
    made = compile_promotion(*args, **options)
    assert isinstance(made, Plan), made
    return made


def codes(*args: Any, **options: Any) -> list[str]:
    made = compile_promotion(*args, **options)
    assert isinstance(made, Refusals), made
    assert all(refusal.why and refusal.fix for refusal in made.items)
    return [refusal.code for refusal in made.items]


def test_a_canary_is_planned_whole(environment: Environment) -> None:
    plan = planned(environment, CANARY, NEW, both())
    assert (plan.kind, plan.environment, plan.to, plan.origin) == ("promote", "production", NEW, OLD.id)
    assert plan.binding == (("blue", OLD.id), ("green", NEW.id))
    assert plan.before == Split.all_to(OLD.id)
    assert [step.weight for step in plan.steps] == [1, 5, 25, 50, 100]
    assert [step.eps for step in plan.steps] == pytest.approx([0.2, 0.05, 0.01, 0.005, 0.0025])
    assert [ref.name for ref in plan.routers] == ["web/lb1.example.com", "web/lb2.example.com"]
    assert [(one.fence, one.generation, one.split) for one in plan.expected] == [(7, 7000, plan.before)] * 2
    assert (plan.health.name, plan.health.passes, plan.poll, plan.judging.errors) == ("up", 3, 1.0, True)
    assert plan.config == canonical(environment)
    assert decode_plan(encode_plan(plan)) == plan


def test_the_same_facts_make_the_same_plan(environment: Environment) -> None:
    again = planned(environment, CANARY, NEW, list(reversed(both())))
    assert replace(again) == planned(environment, CANARY, NEW, both())


def test_the_first_release_is_one_shift_without_a_way_back(environment: Environment) -> None:
    plan = planned(environment, CANARY, NEW, empty())
    assert (plan.first, plan.origin, plan.before, plan.undo.seconds) == (True, None, None, None)
    assert [step.weight for step in plan.steps] == [100]
    assert plan.binding == (("blue", NEW.id),)


def test_a_third_release_takes_the_warm_slot(environment: Environment) -> None:
    warm = Release.of("1.4.0", "d" * 64, "c" * 64)
    slots = {"blue": warm.id, "green": OLD.id}
    plan = planned(
        environment, CANARY, NEW, both(slots=slots, good=(OLD.id, warm.id), releases={OLD.id: OLD, warm.id: warm})
    )
    assert plan.binding == (("blue", NEW.id), ("green", OLD.id))


def test_each_wave_walks_all_the_steps(load: Callable[..., Environment], tmp_path: Path, options: Registry) -> None:
    target = "{{kind: hosts, hosts: [h], run: './r {{port}}', router: 'haproxy://lb-{0}/x'}}"
    text = f"app: shop\nartifact: a\nwaves: [[eu], [us]]\ntargets:\n  eu: {target.format('eu')}\n  us: {target.format('us')}\n"
    (tmp_path / "environments" / "world.yaml").write_text(text)
    world = load_environment(tmp_path / "environments", "world", options)[0]
    seen = [replace(router("x", environment="world"), router=name) for name in ("eu/lb-eu", "us/lb-us")]
    plan = planned(world, CANARY, NEW, seen)
    assert [(step.wave, step.weight) for step in plan.steps] == [(w, s) for w in (0, 1) for s in (1, 5, 25, 50, 100)]
    assert [plan.split_at(4, ref) for ref in plan.routers] == [Split.all_to(NEW.id), Split.all_to(OLD.id)]


def test_what_already_runs_is_unchanged(environment: Environment) -> None:
    made = compile_promotion(environment, CANARY, OLD, both(frozen=Frozen("ada", "x", None)))
    assert isinstance(made, Unchanged)
    assert made.release == OLD.id


def test_a_release_that_is_being_brought_is_attached_to(environment: Environment) -> None:
    holder = Holder("ci:shop#8812", "r-1", NEW.id, 8, 12.0)
    assert compile_promotion(environment, CANARY, NEW, both(holder=holder, candidate=NEW.id)) == Underway(
        "r-1", "ci:shop#8812"
    )
    other = Release.of("1.4.3", "e" * 64, "c" * 64)
    assert codes(environment, CANARY, other, both(holder=holder, candidate=NEW.id)) == ["lock-held"]
    dead = replace(holder, left=-3.0)
    assert codes(environment, CANARY, NEW, both(holder=dead, candidate=NEW.id)) == ["abandoned"]


def test_a_frozen_environment_refuses(environment: Environment) -> None:
    frozen = Frozen("ada", "rollback of 1.4.2", 1800.0, ("hotfix",))
    assert codes(environment, CANARY, NEW, both(frozen=frozen)) == ["frozen"]
    assert planned(environment, CANARY, NEW, both(frozen=frozen), unfreeze=True).unfreeze
    planned(environment, load_playbook([SHIPPED], "hotfix"), NEW, both(frozen=frozen))


def test_a_bad_release_is_refused_unless_somebody_insists(environment: Environment) -> None:
    bad = {NEW.id: "71 of 2290 requests failed"}
    assert codes(environment, CANARY, NEW, both(bad=bad)) == ["bad"]
    planned(environment, CANARY, NEW, both(bad=bad), retry_bad=True)


def test_one_version_is_never_two_things(load: Callable[..., Environment]) -> None:
    twin = Release.of("1.4.2", "f" * 64, "c" * 64)
    seen = both(releases={OLD.id: OLD, twin.id: twin})
    made = compile_promotion(load(), CANARY, NEW, seen)
    assert isinstance(made, Refusals)
    assert made.items[0].code == "other-artifact"
    assert "f" * 64 in made.items[0].why
    assert "b" * 64 in made.items[0].why
    planned(load("versions=mutable"), CANARY, NEW, seen)
    planned(load(), CANARY, Release.of("1.4.1", OLD.artifact, "d" * 64), both())


@pytest.mark.parametrize(
    "changes",
    [
        {"state": RouterState(None, 0)},
        {"state": RouterState(Split.of({OLD.id: 50, NEW.id: 50}), 7000)},
        {"state": RouterState(Split.all_to(OLD.id), 7001)},
        {"current": None, "slots": {}},
        {"slots": {}},
        {"slots": {"green": OLD.id}},
        {"current": NEW.id, "slots": {"blue": NEW.id}, "state": RouterState(Split.all_to(NEW.id), 7000)},
    ],
    ids=["stranger", "mixed", "written by another", "unknown", "no slot", "other slot", "other release"],
)
def test_drift_is_refused(environment: Environment, changes: dict[str, Any]) -> None:
    seen = [router("lb1.example.com"), router("lb2.example.com", **changes)]
    assert codes(environment, CANARY, NEW, seen) == ["drift"]


def test_other_reasons_to_refuse(environment: Environment) -> None:
    assert codes(environment, CANARY, NEW, [router("lb1"), Seen("web/lb2", None, None)]) == ["unreachable"]
    assert codes(environment, CANARY, NEW, both(environment="staging")) == ["other-environment"]
    assert codes(environment, CANARY, NEW, both(finest=25)) == ["too-fine", "too-fine"]
    assert codes(environment, CANARY, NEW, both(), Around(undo=Undo(75.0))) == ["slow-rollback"]
    tight = CANARY.model_copy(update={"budget": CANARY.budget.model_copy(update={"rollback": 20.5})})
    assert codes(environment, tight, NEW, both()) == ["slow-deadman"]
    everything = both(bad={NEW.id: "x"}, frozen=Frozen("ada", "x", None), finest=50)
    assert codes(environment, CANARY, NEW, everything, Around(undo=Undo(75.0))) == [
        "frozen", "bad", "too-fine", "too-fine", "slow-rollback",
    ]  # fmt: skip


def test_a_router_that_is_too_coarse_says_what_it_can(environment: Environment) -> None:
    made = compile_promotion(environment, CANARY, NEW, both(finest=25))
    assert isinstance(made, Refusals)
    assert made.items[0].why == "web/lb1.example.com cannot give 1 % to a release: it moves in shares of 25 %"
    planned(environment, load_playbook([SHIPPED], "blue-green"), NEW, both(finest=100))


def test_without_counters_the_probes_decide_alone(load: Callable[..., Environment]) -> None:
    assert not planned(load("probes.errors=null"), CANARY, NEW, both()).judging.errors


def test_with_stable_down_the_bound_is_absolute(environment: Environment) -> None:
    assert planned(environment, CANARY, NEW, both(), stable_is_down=True).judging.absolute == 0.05
    assert planned(environment, CANARY, NEW, both()).judging.absolute is None


def test_a_stable_release_that_is_down_is_refused_unless_it_is_known(environment: Environment) -> None:
    made = compile_promotion(environment, CANARY, NEW, both(), Around(trouble="web: web1.example.com stopped"))
    assert isinstance(made, Refusals)
    (refusal,) = made.items
    assert (refusal.code, "web1.example.com stopped" in refusal.why) == ("stable-down", True)
    assert refusal.fix == (
        f"releaser rollback -e production --to {OLD.id}",
        "releaser promote 1.4.2 -e production --stable-is-down --reason ...",
    )
    plan = compile_promotion(environment, CANARY, NEW, both(), Around(trouble="web: stopped"), stable_is_down=True)
    assert isinstance(plan, Plan)
    assert plan.judging.absolute is not None


@pytest.mark.parametrize("known", [False, True])
def test_what_runs_nowhere_is_not_unchanged(environment: Environment, known: bool) -> None:
    again = compile_promotion(environment, CANARY, OLD, both(), Around(trouble="web: stopped"), stable_is_down=known)
    assert isinstance(again, Refusals)
    assert again.items[0].fix == (f"releaser rollback -e production --to {OLD.id}",)
    assert isinstance(compile_promotion(environment, CANARY, OLD, both()), Unchanged)


def test_a_target_that_does_not_answer_is_refused_by_name(environment: Environment) -> None:
    made = compile_promotion(environment, CANARY, NEW, both(), Around(silent_targets={"web": "no room"}))
    assert isinstance(made, Refusals)
    assert (made.items[0].code, "web does not answer" in made.items[0].why) == ("unreachable", True)


def test_a_slot_whose_port_somebody_else_has_is_refused_by_name(environment: Environment) -> None:
    taken: dict[Slot, str] = {"green": "on web1 of web the port of slot green is taken by pid 7 (nc -l)"}
    made = compile_promotion(environment, CANARY, NEW, both(), Around(taken=taken))
    assert isinstance(made, Refusals)
    assert (made.items[0].code, "pid 7 (nc -l), which releaser did not start" in made.items[0].why) == (
        "port-taken",
        True,
    )
    assert not [fix for fix in made.items[0].fix if "adopt" in fix]
    other = compile_promotion(environment, CANARY, NEW, both(), Around(taken={"blue": "the slot of what runs"}))
    assert isinstance(other, Plan)
    empty = [Seen("web/lb1.example.com", LedgerState("web/lb1.example.com"), RouterState(None, 0))]
    first = compile_promotion(
        environment, CANARY, NEW, empty, Around(taken={"blue": "on web1 the port is taken by pid 8"})
    )
    assert isinstance(first, Refusals)
    assert first.items[0].fix[0] == "releaser adopt -e production"
