"""Bad input of SSH hosts: one clear sentence each, the right exit code, nothing half done, and doctor names it too."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import bad_fleets as bad
import pytest
from doctor_stage import Stage

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

NO_UNIT = "unit-missing" if Path("/run/systemd/system").is_dir() else "no-systemd"


class Case(NamedTuple):
    breaks: Callable[[Stage], AbstractContextManager[bad.Broken]]
    check: str
    """Under which doctor says it."""
    code: str
    """As doctor calls it."""
    said: str
    reason: str = ""
    """As plan and promote call it, where that is not the code: every way to be out of reach is one reason."""


CASES = (
    Case(bad.unknown_key, "host key", "host-key-unknown", "is not in"),
    Case(bad.changed_key, "host key", "host-key-changed", "another key"),
    Case(bad.refused_login, "login", "auth", "does not let"),
    Case(bad.sudo_with_a_password, "sudo", "sudo", "without a password"),
    Case(bad.sudo_with_a_terminal, "sudo", "sudo-tty", "wants a terminal"),
    Case(bad.full_disk, "disk", "no-room", "must stay free"),
    Case(bad.read_only, "disk", "read-only", "may only be read"),
    Case(bad.taken_port, "ports", "port-taken", "is taken by pid"),
    Case(bad.missing_unit, "units", NO_UNIT, "systemd"),
    Case(bad.missing_socket, "socket", "socket", "has no socket"),
    Case(bad.socket_that_says_no, "socket", "socket", "Permission denied"),
    Case(bad.forgetful_haproxy, "settings", "state-not-loaded", "forgets every weight"),
    Case(bad.missing_server, "router", "no-server", "has no server no_such_"),
    Case(bad.broken_nginx, "settings", "nginx-test", "no servers are inside upstream"),
    Case(bad.balancer_away, "reach", "connect", "cannot be reached", "unreachable"),
    Case(bad.name_that_does_not_resolve, "reach", "resolve", "does not resolve", "unreachable"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.breaks.__name__)
def test_it_is_said_before_anything_is_done(released: Stage, case: Case) -> None:
    before = released.fleet_as_it_is()
    with case.breaks(released) as (host, words):
        logins = released.site.hosts[1].log().count("publickey")
        code, document = released.run("doctor", *words)
        assert code == 6, document
        failed = [one for one in document["findings"] if one["level"] == "FAIL"]
        (found,) = [one for one in failed if (one["check"], one["host"]) == (case.check, host)]
        assert found["code"] == case.code, found
        assert case.said in found["found"]
        assert found["fix"]
        for verb in (("plan",), ("promote", "-y")):
            code, document = released.run(*verb, "1.1.0", *words)
            assert (code, document["reason"]) == (6, case.reason or case.code), document
            assert case.said in document["message"]
            assert host in document["message"]
            assert document["fix"]
        if case.check == "host key":  # not one byte of a credential went there
            assert released.site.hosts[1].log().count("publickey") == logins
    assert released.fleet_as_it_is() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "targets.web.hosts=[]"), "hosts"),
        (("--set", "targets.web.hosts=[web1, web1]"), "twice"),
        (("--set", "targets.web.router.hosts=[lb1, lb1]"), "twice"),
    ],
    ids=["no hosts", "a host twice", "a router's host twice"],
)
def test_a_list_of_hosts_that_cannot_be_meant(released: Stage, words: tuple[str, ...], said: str) -> None:
    before = released.fleet_as_it_is()
    for verb in (("doctor",), ("plan", "1.1.0"), ("promote", "1.1.0", "-y"), ("rollback",)):
        code, document = released.run(*verb, *words)
        assert code == 2, document
        assert said in document["message"]
    assert released.fleet_as_it_is() == before


def test_a_group_that_nobody_is_in(released: Stage) -> None:
    code, document = released.run("doctor", "--group", "eu")
    assert (code, document["reason"]) == (2, "no-match")


def test_afterwards_all_is_well_again(released: Stage) -> None:
    code, document = released.run("doctor")
    assert code == 0, document
