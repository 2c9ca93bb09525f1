import json
from collections.abc import Callable
from pathlib import Path

import pytest
from onhost_site import Refused, Site, identity


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def canary(site: Site) -> Site:
    """Acquired, armed for 20 s, 5 % on the candidate; this process passes for the guard."""
    site.become_guard()
    site.acquire()
    site.arm(generation=1001)
    site.write(5, 1002)
    return site


def test_armed_is_seen_and_renewed(canary: Site) -> None:
    assert 19 < canary.read()["armed_left"] <= 20
    letter = {"id": "q1", "verb": "pause", "by": "ada", "body": {}}
    canary.call("ledger.edit", change={"post": letter})
    assert canary.call("switch.renew", fence=1) == {"left": 20.0, "inbox": [letter]}
    assert canary.files("armed") == ["armed.1.1.json"]


def test_arming_again_is_fine_but_never_with_a_later_split(canary: Site) -> None:
    canary.arm(generation=1001)
    assert canary.files("armed") == ["armed.1.1.json"]
    with pytest.raises(Refused) as caught:
        canary.arm(generation=1003, weight=5)
    assert caught.value.code == "armed"


def test_before_its_time_the_guard_does_nothing(canary: Site) -> None:
    assert canary.turn() == []
    assert canary.applied()["generation"] == 1002


def test_after_its_time_the_guard_goes_back_and_the_holder_is_out(canary: Site) -> None:
    canary.arm(generation=1001, timer=0.0)
    assert canary.turn() == []
    assert canary.applied() == {"split": {identity("1.0"): 100}, "generation": 1001}
    told = canary.read()
    assert (told["fence"], told["holder"], told["armed_left"]) == (2, None, None)
    assert (told["split"], told["generation"]) == ({identity("1.0"): 100}, 1001)
    assert canary.files("restored") == ["restored.1.1.json"]
    attempts: list[Callable[[], object]] = [
        lambda: canary.write(20, 1003),
        lambda: canary.call("switch.renew", fence=1),
        lambda: canary.arm(generation=1001),
    ]
    for late in attempts:
        with pytest.raises(Refused) as caught:
            late()
        assert (caught.value.kind, caught.value.code) == ("fenced", "fired")
        assert "ago" in caught.value.message
    with pytest.raises(Refused) as caught:
        canary.settle("committed", current=identity("2.0"))
    assert caught.value.code == "fired"
    canary.acquire("recover", fence=3, force=True)


def test_a_new_boot_fires_at_once(canary: Site) -> None:
    canary.reboot()
    canary.turn()
    assert canary.applied()["generation"] == 1001


def test_a_timer_that_is_over_decides_even_if_the_guard_is_late(canary: Site) -> None:
    canary.arm(generation=1001, timer=0.0)
    attempts: list[Callable[[], object]] = [
        lambda: canary.write(20, 1003),
        lambda: canary.call("switch.renew", fence=1),
    ]
    for late in attempts:
        with pytest.raises(Refused) as caught:
            late()
        assert caught.value.code == "fired"


@pytest.mark.parametrize("settlement", ["committed", "reverted", "cancelled"])
def test_after_the_end_nothing_is_armed(canary: Site, settlement: str) -> None:
    told = canary.settle(settlement, current=identity("2.0"))
    assert (told["armed_left"], told["holder"]) == (None, None)
    assert canary.files("armed") == []
    canary.reboot()
    canary.turn()
    assert canary.applied()["generation"] == 1002


def test_a_commit_after_the_timer_lost(canary: Site) -> None:
    armed = canary.state / "armed.1.1.json"
    armed.rename(canary.state / "fired.1.1.json")
    with pytest.raises(Refused) as caught:
        canary.settle("committed", current=identity("2.0"))
    assert (caught.value.kind, caught.value.code) == ("fenced", "fired")
    assert canary.turn() == []
    assert canary.applied()["generation"] == 1001


def test_a_router_that_is_down_is_tried_again_and_keeps_the_holder_out(canary: Site) -> None:
    order = canary.order(0, 1001, 1)
    missing = {"do": "run", "argv": ["test", "-e", str(canary.state / "up")]}
    canary.call("switch.arm", **order, revert=[*order["write"], missing], timer=0.0)
    assert "status 1" in canary.turn()[0]
    assert canary.applied()["generation"] == 1001, "the file part is done"
    assert canary.files("fired") == ["fired.1.1.json"]
    assert canary.read()["fence"] == 2
    canary.turn()
    assert canary.read()["fence"] == 2, "it fired once, however often it is tried"
    with pytest.raises(Refused):
        canary.write(20, 1003)
    (canary.state / "up").touch()
    assert canary.turn() == []
    assert canary.files("fired") == []
    assert canary.read()["generation"] == 1001


def test_a_switch_stays_armed_through_a_takeover_until_its_holder_wrote(canary: Site) -> None:
    canary.acquire("rollback", fence=2, force=True)
    assert canary.files("armed") == ["armed.1.1.json"]
    canary.reboot("boot-2")
    canary.turn()
    assert canary.applied()["generation"] == 1001
    told = canary.read()
    assert (told["fence"], told["holder"]["rollout"]) == (2, "rollback"), "whoever goes back is not thrown out"


def test_what_a_newer_holder_wrote_is_not_overwritten(canary: Site) -> None:
    canary.acquire("rollback", fence=2, force=True)
    canary.write(0, 2001, fence=2)
    canary.reboot()
    canary.turn()
    assert canary.applied()["generation"] == 2001
    assert canary.files("disarmed") == ["disarmed.1.1.json"]


def test_one_switch_that_cannot_fire_keeps_no_other_waiting(canary: Site) -> None:
    order = canary.order(0, 1001, 1)
    canary.call("switch.arm", **order, revert=[{"do": "run", "argv": ["false"]}], timer=0.0)
    canary.turn()
    canary.acquire("r2", fence=3, force=True)
    canary.arm(generation=3001, fence=3, timer=0.0)
    assert canary.files("fired") == ["fired.1.1.json"]
    canary.turn()
    assert canary.applied()["generation"] == 3001
    assert canary.files("fired") == [], "or it would restore an older split afterwards"


def test_nobody_goes_forward_over_a_switch_that_is_still_to_fire(site: Site) -> None:
    site.become_guard()
    site.acquire()
    site.arm()
    site.reboot()
    site.become_guard()
    with pytest.raises(Refused) as caught:
        site.acquire("r2", fence=2)
    assert (caught.value.kind, caught.value.code) == ("held", "armed")


def test_a_lease_is_renewed_before_anything_is_armed(site: Site) -> None:
    site.acquire(lease=7.0)
    assert site.call("switch.renew", fence=1) == {"left": 7.0, "inbox": []}


def test_a_switch_that_is_gone_is_not_renewed(canary: Site) -> None:
    (canary.state / "armed.1.1.json").unlink()
    with pytest.raises(Refused) as caught:
        canary.call("switch.renew", fence=1)
    assert caught.value.kind == "fenced"


def test_the_past_is_kept_for_people_but_not_for_ever(site: Site) -> None:
    site.become_guard()
    for fence in range(1, 9):
        site.acquire(f"r{fence}", fence=fence)
        site.arm(generation=fence * 1000, fence=fence)
        site.settle("cancelled", f"r{fence}", fence)
    assert len(site.files("disarmed")) == 5
    assert "disarmed.8.8.json" in site.files("disarmed")


def test_a_corrupt_ledger_does_not_stop_the_guard(canary: Site) -> None:
    canary.arm(generation=1001, timer=0.0)
    (canary.state / "ledger.json").write_text("{")
    assert canary.turn() == []
    assert canary.applied()["generation"] == 1001


def test_after_a_restart_nobody_says_how_long_ago_it_fired(canary: Site) -> None:
    canary.arm(generation=1001, timer=0.0)
    canary.turn()
    canary.reboot()
    with pytest.raises(Refused, match="before this host was restarted"):
        canary.write(5, 1003)


def test_a_damaged_switch_keeps_neither_the_guard_nor_a_rollback_from_working(canary: Site) -> None:
    canary.arm(generation=1001, timer=0.0)
    (canary.state / "armed.9.9.json").write_text("{")
    assert "not a JSON document" in canary.turn()[0]
    assert canary.applied()["generation"] == 1001
    told = canary.acquire("rollback", fence=3, force=True)
    assert told["armed_left"] == 0.0
    assert canary.settle("reverted", "rollback", 3)["armed_left"] is None


def test_a_rehearsal_that_nobody_waits_for_any_more_never_comes_to_pass(site: Site) -> None:
    site.become_guard()
    site.acquire()
    site.write(5, 1001)
    order = site.order(0, 1002, 1)
    with pytest.raises(Refused) as caught:
        site.call("switch.rehearse", **order, revert=order["write"], within=0.1)
    assert caught.value.code == "rehearsal"
    (site.state / "disarmed.1.1.json").rename(site.state / "fired.1.1.json")
    site.reboot()
    body = json.loads((site.state / "fired.1.1.json").read_text())
    (site.state / "fired.1.1.json").write_text(json.dumps(body | {"boot": "another-boot", "renewed": -100.0}))
    site.turn()
    assert site.applied()["generation"] == 1001
    assert site.files("fired") == []


def test_arming_sweeps_rehearsals_away_and_rehearsing_when_armed_is_refused(site: Site) -> None:
    site.become_guard()
    site.acquire()
    order = site.order(0, 1001, 1)
    with pytest.raises(Refused):
        site.call("switch.rehearse", **order, revert=order["write"], within=0.1)
    (site.state / "disarmed.1.1.json").rename(site.state / "fired.1.1.json")
    site.arm(generation=1002)
    assert (site.files("fired"), site.files("armed")) == ([], ["armed.1.2.json"])
    with pytest.raises(Refused) as caught:
        site.call("switch.rehearse", **order, revert=order["write"])
    assert caught.value.code == "armed"
