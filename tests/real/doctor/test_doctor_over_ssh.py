"""`releaser doctor` against real hosts: what it says of a sound fleet, and that it leaves nothing there."""

from collections import Counter

import pytest
from bad_fleets import nginx
from doctor_stage import Stage, stage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_bare_hosts_stay_bare_and_status_shows_that_this_would_be_seen() -> None:
    with stage() as bare:
        before = bare.traces()
        code, document = bare.run("doctor")
        assert (code, document["outcome"]) == (0, "unchanged"), document
        assert bare.traces() == before
        assert not list(bare.site.hosts[0].home.iterdir())
        bare.run("status")
        assert bare.traces() != before


def test_a_released_fleet_is_told_of_and_not_touched(released: Stage) -> None:
    before = released.traces()
    code, document = released.run("doctor")
    assert code == 0, document
    assert released.traces() == before
    found = Counter((one["check"], one["level"]) for one in document["findings"])
    assert document["hosts"] == 3
    assert found["reach", "OK"] == found["host key", "OK"] == found["login", "OK"] == found["python", "OK"] == 3
    assert found["clock", "OK"] == found["disk", "OK"] == found["path", "OK"] == 3
    assert found["ports", "OK"] == 2
    for check in ("router", "socket", "settings", "ledger", "guard", "playbook", "secrets", "journal"):
        assert found[check, "OK"] == 1, (check, document)
    assert sum(found.values()) == sum(number for (_, level), number in found.items() if level in ("OK", "WARN"))


def test_single_hosts_are_asked_alone(released: Stage) -> None:
    host = released.site.hosts[0]
    other = released.site.hosts[1].log().count("Accepted publickey")
    code, document = released.run("doctor", "--host", host.address)
    assert (code, document["hosts"], {one["host"] for one in document["findings"]}) == (0, 1, {host.address})
    assert released.site.hosts[1].log().count("Accepted publickey") == other
    code, document = released.run("doctor", "--host", "web77")
    assert code == 2
    assert host.address in document["message"]


def test_one_process_a_host(released: Stage) -> None:
    servers = [*released.site.hosts, released.site.balancer]
    before = [server.log().count("Starting session: command") for server in servers]
    released.run("doctor")
    assert [server.log().count("Starting session: command") for server in servers] == [one + 1 for one in before]


def test_an_nginx_that_uses_the_split_is_told_of_and_one_that_does_not_fails(released: Stage) -> None:
    with nginx(released) as configuration:
        before = configuration.read_text()
        code, document = released.run("doctor", "--host", released.site.balancer.address)
        (found,) = [one for one in document["findings"] if one["check"] == "settings"]
        assert (code, found["level"]) == (0, "OK"), document
        for spoilt, level, said in (
            (before.replace("worker_shutdown_timeout 30s;", ""), "WARN", "worker_shutdown_timeout"),
            (before.replace("shop_green {", "other {"), "FAIL", "no upstream shop_green"),
            (before.replace("shop_$releaser_slot", "shop_blue"), "FAIL", "$releaser_slot"),
            (
                before.replace(" releaser;\n    location", ";\n    location").replace("requests.log", "other.log"),
                "FAIL",
                "requests.log",
            ),
        ):
            configuration.write_text(spoilt)
            code, document = released.run("doctor", "--host", released.site.balancer.address)
            (found,) = [one for one in document["findings"] if one["check"] == "settings"]
            assert (found["level"], said in found["found"]) == (level, True), found


AWAY = ("--set", "env.KEY=vault:secret/shop#key", "--set", "vault.address=https://127.0.0.1:9")
LOGIN = ("--set", "vault.auth={token: {file: ./token}}", "--set", "secrets.at_rest=file")


def test_the_way_back_is_there_while_vault_is_away_and_it_is_true(released: Stage) -> None:
    """The last one: it leaves the fleet on 1.0.0 again, with 1.1.0 marked bad."""
    (released.site.root / "token").write_text("t")
    with released.site.traffic() as load:
        code, document = released.run("promote", "1.1.0", "-y")
        assert code == 0, document
        code, document = released.run("doctor", *AWAY, *LOGIN)
        found = {one["check"]: one for one in document["findings"]}
        assert (code, found["secrets"]["level"]) == (6, "FAIL"), document
        assert found["way back"]["level"] == "OK"
        assert "to 1.0.0-" in found["way back"]["found"]
        assert "warm" in found["way back"]["found"]
        assert "when it was last rehearsed" in found["way back"]["found"]
        assert released.run("promote", "1.1.0", "-y", *AWAY, *LOGIN)[0] == 6
        code, document = released.run("rollback", "-y", *AWAY, *LOGIN)
        assert (code, document["outcome"]) == (0, "rolled_back"), document
    assert not [one for one in load.results if one.failed_by_us]
    assert released.site.split() == {"1.0.0": 100}
