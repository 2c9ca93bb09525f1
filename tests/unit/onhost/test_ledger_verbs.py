from pathlib import Path

import pytest
from onhost_site import Refused, Site, identity


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_untouched_site_reads_as_an_empty_ledger_and_stays_untouched(site: Site) -> None:
    told = site.read()
    assert (told["fence"], told["holder"], told["current"], told["guard"], told["armed_left"]) == (
        0,
        None,
        None,
        "none",
        None,
    )
    assert not site.state.exists()


def test_acquire_writes_down_everything_that_a_rollback_needs(site: Site) -> None:
    told = site.acquire(fence=7, environment="production", journal=["j", 3, "head"])
    assert told["fence"] == 7
    assert told["holder"]["rollout"] == "r1"
    assert 19 < told["holder"]["left"] <= 20
    assert told["candidate"] == identity("2.0")
    assert told["before"] == {identity("1.0"): 100}
    assert told["slots"] == {"blue": identity("1.0"), "green": identity("2.0")}
    assert told["releases"][identity("2.0")]["version"] == "2.0"
    assert told["environment"] == "production"
    assert told["journal"] == ["j", 3, "head"]
    assert told == site.read() | {"holder": told["holder"]}


def test_acquire_again_with_the_same_rollout_and_fence_is_fine(site: Site) -> None:
    site.acquire()
    assert site.acquire()["fence"] == 1


def test_another_rollout_is_held_off_with_the_name_of_who_holds(site: Site) -> None:
    site.acquire()
    with pytest.raises(Refused) as caught:
        site.acquire("r2", fence=2)
    assert (caught.value.kind, caught.value.code) == ("held", "lock-held")
    assert "r1@laptop" in caught.value.message
    assert identity("2.0") in caught.value.message
    assert "s left" in caught.value.message


def test_a_lease_that_is_over_holds_nobody_off(site: Site) -> None:
    site.acquire(lease=0.0)
    assert site.acquire("r2", fence=2)["holder"]["rollout"] == "r2"


def test_a_lease_of_another_boot_is_over(site: Site) -> None:
    site.acquire()
    site.reboot()
    with pytest.raises(Refused) as caught:
        site.write(5, 1001)
    assert (caught.value.kind, caught.value.code) == ("fenced", "lease-over")
    assert site.acquire("r2", fence=2)["fence"] == 2


@pytest.mark.parametrize("fence", [0, 4, 5])
def test_a_fence_must_be_above_the_ledgers(site: Site, fence: int) -> None:
    site.acquire(fence=5, lease=0.0)
    for force in (False, True):
        with pytest.raises(Refused) as caught:
            site.acquire("r2", fence=fence, force=force)
        assert caught.value.kind == "fenced"


def test_drift_since_the_plan_is_refused(site: Site) -> None:
    site.acquire(fence=3, lease=0.0)
    with pytest.raises(Refused) as caught:
        site.acquire("r2", fence=4, expected_fence=2)
    assert (caught.value.kind, caught.value.code) == ("refused", "drift")
    assert site.acquire("r2", fence=4, expected_fence=3)["fence"] == 4


def test_a_router_of_another_environment_is_refused(site: Site) -> None:
    site.acquire(environment="staging", lease=0.0)
    with pytest.raises(Refused) as caught:
        site.acquire("r2", fence=2, environment="production")
    assert caught.value.code == "environment"


def test_force_waits_for_no_lease_and_keeps_what_is_being_tried(site: Site) -> None:
    site.acquire()
    told = site.acquire("rollback", fence=2, force=True, version="1.0", before=None)
    assert told["holder"]["rollout"] == "rollback"
    assert told["candidate"] == identity("2.0")
    assert told["before"] == {identity("1.0"): 100}


def test_a_rollback_names_what_it_takes_back(site: Site) -> None:
    told = site.acquire("rollback", fence=2, force=True, version="1.0", before=None, leaving=identity("2.0"))
    assert told["candidate"] == identity("2.0")
    assert told["holder"]["release"] == identity("1.0")


def test_the_old_holder_is_refused_after_a_takeover(site: Site) -> None:
    site.acquire()
    site.write(5, 1001)
    site.acquire("rollback", fence=2, force=True)
    with pytest.raises(Refused) as caught:
        site.write(50, 1002)
    assert caught.value.kind == "fenced"
    assert "rollback@laptop" in caught.value.message
    site.write(0, 2001, fence=2)
    assert site.applied()["generation"] == 2001


def test_slow_renewals_do_not_stop_a_rollback_that_was_taken_by_force(site: Site) -> None:
    site.acquire("rollback", fence=2, force=True, lease=0.0)
    site.write(0, 2001, fence=2)
    assert site.applied()["generation"] == 2001


def test_a_fence_that_was_never_acquired_here_writes_nothing(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        site.write(5, 1001)
    assert (caught.value.kind, caught.value.code) == ("failed", "not-acquired")
    assert not site.router.exists()


def test_a_write_is_noted_and_may_be_repeated_but_a_late_one_is_refused(site: Site) -> None:
    site.acquire()
    site.write(5, 1001)
    site.write(20, 1002)
    site.write(20, 1002)
    with pytest.raises(Refused) as caught:
        site.write(5, 1001)
    assert caught.value.code == "late"
    told = site.read()
    assert (told["split"], told["generation"]) == ({identity("1.0"): 80, identity("2.0"): 20}, 1002)


def test_a_write_that_the_router_does_not_show_is_not_noted(site: Site) -> None:
    site.acquire()
    order = site.order(5, 1001, 1) | {"write": []}
    with pytest.raises(Refused):
        site.call("router.write", **order)
    assert site.read()["generation"] == 0


def test_commit(site: Site) -> None:
    site.acquire()
    site.write(100, 1001)
    told = site.settle("committed", current=identity("2.0"))
    assert (told["current"], told["good"], told["holder"]) == (identity("2.0"), [identity("2.0")], None)
    assert (told["before"], told["candidate"], told["settled"]) == (None, None, ["r1", "committed"])
    assert site.settle("committed", current=identity("2.0")) == told
    with pytest.raises(Refused) as caught:
        site.write(0, 1002)
    assert caught.value.code == "ended"


def test_good_releases_are_kept_newest_first_without_doubles(site: Site) -> None:
    for fence, version in enumerate([*"abcdefghijkl", "c"], start=1):
        site.acquire("r", fence=fence, version=version)
        told = site.settle("committed", "r", fence, current=identity(version))
    assert told["good"] == [identity(version) for version in "clkjihgfed"]
    assert set(told["releases"]) == {identity(version) for version in "clkjihgfed"}


def test_revert_marks_bad_freezes_and_takes_the_bad_one_out_of_the_good(site: Site) -> None:
    site.acquire()
    site.settle("committed", current=identity("2.0"))
    site.acquire("rollback", fence=2, force=True, version="1.0")
    freeze = {"by": "ada", "reason": "it is slow", "seconds": 60.0, "allow": ["hotfix"]}
    told = site.settle("reverted", "rollback", 2, current=identity("1.0"), bad=[identity("2.0"), "slow"], freeze=freeze)
    assert told["current"] == identity("1.0")
    assert told["bad"] == {identity("2.0"): "slow"}
    assert identity("2.0") not in told["good"]
    assert 59 < told["frozen"]["left"] <= 60
    with pytest.raises(Refused) as caught:
        site.acquire("r3", fence=3)
    assert caught.value.code == "frozen"
    assert "ada" in caught.value.message
    site.acquire("r3", fence=3, playbook="hotfix", lease=0.0)
    assert site.acquire("r4", fence=4, unfreeze=True)["frozen"] is None


def test_cancel_only_gives_the_lease_back(site: Site) -> None:
    site.acquire()
    site.settle("committed", current=identity("2.0"))
    site.acquire("r2", fence=2, version="3.0")
    told = site.settle("cancelled", "r2", 2)
    assert (told["current"], told["holder"], told["settled"]) == (identity("2.0"), None, ["r2", "cancelled"])


def test_an_old_holder_settles_nothing(site: Site) -> None:
    site.acquire()
    site.acquire("r2", fence=2, force=True)
    for settlement in ("committed", "reverted", "cancelled"):
        with pytest.raises(Refused) as caught:
            site.settle(settlement, current=identity("2.0"))
        assert caught.value.kind == "fenced"
    assert site.read()["holder"]["rollout"] == "r2"


def test_a_holder_whose_lease_is_over_commits_nothing_but_may_end_its_way_back(site: Site) -> None:
    site.acquire(lease=0.0)
    with pytest.raises(Refused) as caught:
        site.settle("committed", current="x")
    assert caught.value.code == "lease-over"
    assert site.settle("reverted", current=None)["holder"] is None


def test_a_freeze_without_end_ends_when_somebody_lifts_it(site: Site) -> None:
    frozen: dict[str, object] = {"by": "ada", "reason": "holidays", "seconds": None, "allow": []}
    told = site.call("ledger.edit", change={"freeze": frozen})
    assert told["frozen"] == {"by": "ada", "reason": "holidays", "left": None, "allow": []}
    with pytest.raises(Refused):
        site.acquire()
    site.acquire("rollback", fence=1, force=True)
    assert site.call("ledger.edit", change={"unfreeze": {"by": "ada"}})["frozen"] is None


def test_a_freeze_starts_again_in_a_new_boot(site: Site) -> None:
    site.call("ledger.edit", change={"freeze": {"by": "ada", "reason": "x", "seconds": 0.0, "allow": []}})
    assert site.read()["frozen"] is None
    site.call("ledger.edit", change={"freeze": {"by": "ada", "reason": "x", "seconds": 50.0, "allow": []}})
    site.reboot()
    assert site.read()["frozen"]["left"] == 50.0
    with pytest.raises(Refused):
        site.acquire()
    assert site.read()["frozen"]["left"] < 50.0, "from the first visit on it counts by the new boot's clock"


def test_inbox(site: Site) -> None:
    letter = {"id": "q1", "verb": "abort", "by": "ada", "body": {"reason": "no"}}
    site.call("ledger.edit", change={"post": letter})
    assert site.call("ledger.edit", change={"post": letter})["inbox"] == [letter]
    assert site.call("ledger.edit", change={"taken": ["q1", "q2"]})["inbox"] == []
    assert site.call("ledger.edit", change={"post": letter})["inbox"] == [], "a late repeat is not a second request"
    for hostile in ("../x", "", ".x", "a/b", "x" * 101):
        with pytest.raises(Refused) as caught:
            site.call("ledger.edit", change={"post": letter | {"id": hostile}})
        assert caught.value.kind == "usage"


def test_adopt_takes_in_what_serves_and_only_into_an_empty_ledger(site: Site) -> None:
    adopted = {"release": identity("1.0"), "slot": "blue", "split": {identity("1.0"): 100}, "generation": 0}
    told = site.call("ledger.edit", environment="prod", change={"adopt": adopted})
    assert told["current"] == identity("1.0")
    assert told["good"] == [identity("1.0")]
    assert told["slots"] == {"blue": identity("1.0")}
    assert told["environment"] == "prod"
    assert site.call("ledger.edit", change={"adopt": adopted}) == told
    with pytest.raises(Refused) as caught:
        site.call("ledger.edit", change={"adopt": adopted | {"release": identity("9.0")}})
    assert caught.value.code == "not-empty"


def test_keys_of_a_later_releaser_survive(site: Site) -> None:
    site.acquire()
    path = site.state / "ledger.json"
    path.write_text(path.read_text().replace("{", '{"later": 1,', 1))
    site.write(5, 1001)
    assert '"later": 1' in path.read_text()


@pytest.mark.parametrize(("text", "code"), [("{", "corrupt"), ("[]", "corrupt"), ('{"format": 2}', "format")])
def test_a_ledger_that_is_not_ours_is_refused_with_the_way_out(site: Site, text: str, code: str) -> None:
    site.state.mkdir()
    (site.state / "ledger.json").write_text(text)
    for verb in (site.read, site.acquire):
        with pytest.raises(Refused) as caught:
            verb()
        assert (caught.value.kind, caught.value.code) == ("refused", code)
        assert caught.value.fix


def test_a_relative_state_directory_is_refused(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        site.call("ledger.read", state="somewhere")
    assert caught.value.kind == "usage"


def test_an_unknown_verb_is_an_answer(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        site.call("ledger.burn")
    assert caught.value.kind == "usage"


def test_what_the_host_cannot_do_is_an_answer(site: Site) -> None:
    site.state.write_text("a file")
    with pytest.raises(Refused) as caught:
        site.acquire()
    assert (caught.value.kind, caught.value.code) == ("failed", "eexist")
