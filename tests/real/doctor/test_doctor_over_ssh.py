"""`releaser doctor` against real hosts: what it says of a sound fleet, and that it leaves nothing there."""

import shutil
from collections import Counter

import pytest
from doctor_stage import Stage, stage
from other_routers import envoy, nginx, traefik
from ssh_lab import until

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


def settings(stage: Stage, *words: str) -> list[tuple[str, str, str]]:
    """(level, code, text) of what doctor says of the load balancer's own configuration; a failure must say how to mend it."""
    _, document = stage.run("doctor", "--host", stage.site.balancer.address, *words)
    found = [one for one in document["findings"] if one["check"] in ("socket", "settings", "path")]
    assert all(one["fix"] for one in found if one["level"] != "OK"), found
    return [
        (one["level"], one["code"], one["found"]) for one in found if one["check"] != "path" or one["level"] != "OK"
    ]


def failure(stage: Stage, *words: str) -> tuple[str, str]:
    """(code, text) of the one that fails."""
    ((code, said),) = [(code, said) for level, code, said in settings(stage, *words) if level == "FAIL"]
    return code, said


def failures(stage: Stage) -> list[str]:
    """The codes of what fails; none while a router has not read its files again."""
    return [code for level, code, _ in settings(stage) if level == "FAIL"]


def set_router(**options: object) -> tuple[str, ...]:
    return tuple(word for name, value in options.items() for word in ("--set", f"targets.web.router.{name}={value}"))


def test_an_envoy_of_one_s_own_is_asked_what_it_reads_and_applies(released: Stage) -> None:
    with envoy(released) as rds:
        assert [level for level, _, _ in settings(released)] == ["OK", "OK"]
        assert failure(released, *set_router(admin="127.0.0.1:1"))[0] == "admin"
        other = rds.with_name("other.json")
        shutil.copyfile(rds, other)
        code, said = failure(released, *set_router(rds=other))
        assert (code, str(rds) in said) == ("not-watched", True), said
        assert failure(released, *set_router(route="other"))[0] == "route-name"
        code, said = failure(released, *set_router(clusters="{ blue: shop-blue, green: nobody }"))
        assert (code, "no cluster nobody" in said) == ("no-cluster", True), said
        refused = rds.read_text().replace('"generation": 0', '"generation": 5').replace('"domains"', '"no_such_field"')
        other.write_text(refused)
        other.rename(rds)
        code, said = failure(released)
        assert (code, "says generation 5, and Envoy applies generation 0" in said) == ("stale", True), said
        exit_code, document = released.run("plan", "1.1.0")
        assert (exit_code, document["reason"]) == (6, "stale"), document
        rds.unlink()
        assert failure(released)[0] == "no-file"


def test_a_traefik_of_one_s_own_is_asked_what_it_reads_and_applies(released: Stage) -> None:
    with traefik(released) as watched:
        ours, theirs = watched / "ours.yml", watched / "shop.yml"
        before = theirs.read_text()
        until(lambda: settings(released)[-1][0] == "OK")
        assert failure(released, *set_router(api="127.0.0.1:1"))[0] == "api"
        elsewhere = released.site.balancer.folder / "elsewhere.yml"
        elsewhere.write_text(ours.read_text().replace('"0"', '"9"'))
        code, said = failure(released, *set_router(file=elsewhere))
        assert (code, "says generation 9, and Traefik applies generation 0" in said) == ("stale", True), said
        elsewhere.unlink()
        assert failure(released, *set_router(service="other"))[0] == "not-watched"
        code, said = failure(released, *set_router(services="{ blue: shop-blue, green: nobody }"))
        assert (code, "no service nobody" in said) == ("no-service", True), said
        sample = "{ url: 'http://127.0.0.1:1/' }"
        assert failure(released, *set_router(sample=sample))[0] == "sample"
        theirs.write_text(before.replace('"service": "shop"', '"service": "shop-blue"'))
        until(lambda: "split-unused" in failures(released))
        theirs.write_text(before.replace('"rule": "PathPrefix', '"rule": "NoSuchRule'))
        until(lambda: "route-error" in failures(released))


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
