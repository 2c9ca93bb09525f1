"""Users whom a cookie binds to one server of HAProxy: a rollback takes them along at once."""

import re

import pytest
from balancers import BALANCERS
from machines import Machine
from shop import PLAYBOOK, Shop, heard, shop

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
CONFIG = "/etc/haproxy/haproxy.cfg"


def sticky(machine: Machine) -> None:
    """As the page has it under "Sticky sessions", for every server."""
    config = machine.run("cat", CONFIG)
    with_cookie = re.sub(r"(server (\S+) +\S+ weight 0)", r"\1 cookie \2", config)
    machine.write(
        CONFIG, with_cookie.replace("balance roundrobin", "balance roundrobin\n    cookie shop insert indirect nocache")
    )
    machine.run(*BALANCERS["haproxy"].reload)


def test_a_client_that_sticks_to_the_bad_release_is_on_stable_right_after_the_rollback() -> None:
    steps = "{ weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }"
    slow = PLAYBOOK.replace(steps, "{ weight: 50%, at_least: 50s }")
    with shop("haproxy", 1, playbook=slow) as site:
        sticky(site.machine("lb1"))
        site.serves("lb1.example.com")
        assert site.promote("1.0.0").returncode == 0
        site.build("1.1.0")
        with site.spawn("promote", "1.1.0", "-y") as release:
            heard(release, "Shifted")
            cookie = _cookie_of("1.1.0", site)
            assert {_asked(site, cookie) for _ in range(30)} == {"1.1.0"}
            back = site.command("rollback", "-y", "--not-bad")
            assert _asked(site, cookie) == "1.0.0"
            assert back.returncode == 0, back.stdout
            assert {_asked(site, cookie) for _ in range(30)} == {"1.0.0"}


def _cookie_of(version: str, site: Shop) -> str:
    """What HAProxy gives to somebody who comes without one and is answered by `version`."""
    for _ in range(50):
        told = site.asked("lb1")
        if told["x-version"] == version:
            return told["set-cookie"].partition(";")[0]
    raise AssertionError(f"nobody was answered by {version}")


def _asked(site: Shop, cookie: str) -> str:
    return site.asked("lb1", f"cookie: {cookie}")["x-version"]
