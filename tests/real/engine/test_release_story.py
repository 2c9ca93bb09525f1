"""A release on real processes: out to everyone, or back to where it was, with nobody's request failed by us."""

import time

import pytest
from local_environment import Local, failed_by_us, local_environment

from releaser.config.observed import Refusals, Unchanged
from releaser.core.values import Outcome

pytestmark = pytest.mark.real


@pytest.mark.parametrize("router", ["envoy", "haproxy"])
def test_good_then_bad_then_back_by_hand(router: str) -> None:
    with local_environment(router) as local:
        assert local.promote("1.0.0").outcome is Outcome.PROMOTED
        with local.traffic() as load:
            assert local.promote("1.1.0").outcome is Outcome.PROMOTED
            assert local.split() == {"1.1.0": 100}
            bad = local.promote("1.2.0", "errors:0.5")
            assert bad.outcome is Outcome.ROLLED_BACK
            assert bad.turned is not None
            assert bad.turned.cause == "judge"
            assert bad.back_at is not None
            assert bad.back_at - bad.turned_at < 2.0
            assert local.split() == {"1.1.0": 100}
            back = local.rollback(to="1.0.0")
            assert back.outcome is Outcome.ROLLED_BACK
            assert local.split() == {"1.0.0": 100}
            time.sleep(0.3)
        assert failed_by_us(load.results) == []
        ledger = local.ledger()
        assert ledger.armed_left is None
        assert ledger.holder is None
        assert ledger.frozen is not None
        assert {name.rpartition("-")[0] for name in ledger.bad} == {"1.1.0", "1.2.0"}


def test_the_same_release_again_is_unchanged_and_a_bad_one_is_refused(local: Local) -> None:
    assert isinstance(local.session().plan("1.0.0"), Unchanged)
    with local.traffic():
        local.promote("1.1.0", "outage")
    refused = local.session().plan("1.1.0")
    assert isinstance(refused, Refusals)
    assert refused.items[0].code == "bad"
    with local.traffic():
        assert local.promote("1.1.0", retry_bad=True).outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("fault", ["hang", "reset"])
def test_a_candidate_that_hangs_or_resets_is_taken_back(local: Local, fault: str) -> None:
    with local.traffic():
        rollout = local.promote("1.1.0", fault)
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.turned is not None
    assert rollout.turned.cause == "judge"


def test_a_candidate_that_never_answers_gets_no_traffic(local: Local) -> None:
    local.build("1.1.0")
    (local.root / "dist" / "shop-1.1.0" / "app.py").write_text("raise SystemExit(1)\n")
    rollout = local.promote("1.1.0")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.touched == frozenset()
    assert local.split() == {"1.0.0": 100}


def test_nobody_is_sent_to_the_candidate_without_data(local: Local) -> None:
    """No traffic at all: no data is neither a pass nor a fail; the step's time ends it."""
    playbook = local.root / "playbooks" / "quick.yaml"
    playbook.write_text(playbook.read_text().replace("step: 30s", "step: 3s"))
    rollout = local.promote("1.1.0")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.turned is not None
    assert rollout.turned.cause == "deadline"
    assert local.ledger().bad == {}


def test_a_cold_rollback_starts_the_old_release_first(local: Local) -> None:
    with local.traffic() as load:
        local.promote("1.1.0")
        local.promote("1.2.0")  # takes the slot of 1.0.0
        rollout = local.rollback(to="1.0.0", mark_bad=False, freeze=0.0)
        assert rollout.plan.cold
        assert rollout.outcome is Outcome.ROLLED_BACK
        assert local.split() == {"1.0.0": 100}
        time.sleep(0.3)
    assert failed_by_us(load.results) == []


def test_somebody_who_writes_to_the_router_is_noticed(local: Local) -> None:
    routes = local.root / "at" / "router" / "files" / "routes.json"
    before = routes.read_text()

    def meddle(entry: object) -> None:
        if type(getattr(entry, "event", None)).__name__ == "Judged":
            new = routes.with_name("meddled.json")
            new.write_text(before)
            new.replace(routes)

    with local.traffic():
        playbook = local.root / "playbooks" / "quick.yaml"
        playbook.write_text(
            playbook.read_text().replace("at_least: 500ms }, { weight: 50%", "at_least: 8s }, { weight: 50%")
        )
        rollout = local.promote("1.1.0", react=meddle)
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.turned is not None
    assert "somebody else" in rollout.turned.why
