"""From a host's facts to findings: each sentence names what is wrong, and what mends it."""

from typing import Any

import pytest
from told import asked, place, slot, told

from releaser.engine.doctor.finding import Finding
from releaser.engine.doctor.hosts import boot_findings, host_findings, silent_finding, slot_findings
from releaser.errors import FailedError, UnknownError, UnreachableError

SPAN = (999.5, 1000.5)


def bad(**wrong: Any) -> list[Finding]:
    return [one for one in host_findings(asked(), told(**wrong), SPAN) if one.level != "OK"]


def test_a_sound_host_is_well_in_every_question() -> None:
    found = list(host_findings(asked(), told(), SPAN))
    assert [one.check for one in found] == ["reach", "host key", "login", "python", "clock", "path", "disk"]
    assert {one.level for one in found} == {"OK"}
    assert {one.level for one in slot_findings(asked(), told())} == {"OK"}


@pytest.mark.parametrize(
    ("wrong", "said", "fix"),
    [
        ({"writes": False, "owner": "root"}, "/srv/shop belongs to root (mode 0755), and deploy may not write there", "sudo install -d -o deploy -m 0755 /srv/shop"),
        ({"kind": "nothing", "nearest": "/srv", "writes": False}, "/srv/shop is not there, and deploy may not make it in /srv", "sudo install -d -o deploy -m 0755 /srv/shop"),
        ({"kind": "file"}, "/srv/shop is a file and must be a directory", "mv /srv/shop /srv/shop.old"),
    ],
)  # fmt: skip
def test_a_path_that_will_not_do(wrong: dict[str, Any], said: str, fix: str) -> None:
    (found,) = bad(places=[place(**wrong), place("/srv/shop/.releaser")])
    assert (found.level, found.check, found.found, found.fix) == ("FAIL", "path", said, (fix,))


def test_a_path_that_the_first_release_makes_is_well() -> None:
    assert (
        bad(
            places=[place(kind="nothing", nearest="/srv"), place("/srv/shop/.releaser", kind="nothing", nearest="/srv")]
        )
        == []
    )


def test_what_somebody_else_made_of_our_own_directory_is_named() -> None:
    (found,) = bad(places=[place(), place("/srv/shop/.releaser", owner="root", writes=False)])
    assert found.fix == ("sudo chown -R deploy /srv/shop/.releaser",)


@pytest.mark.parametrize(
    ("wrong", "level", "said"),
    [
        ({"free": 63 << 20}, "FAIL", "63 MiB are free at /srv/shop, and 64 must stay free beside a release"),
        ({"free": 200 << 20}, "WARN", "only 200 MiB and 1000000 inodes are free at /srv/shop"),
        ({"inodes": 900}, "FAIL", "900 inodes are free at /srv/shop, and 1000 must stay free beside a release"),
        ({"inodes": 9000}, "WARN", "only 20480 MiB and 9000 inodes are free at /srv/shop"),
        ({"read_only": True, "writes": False}, "FAIL", "the file system of /srv/shop may only be read"),
    ],
)
def test_a_disk_without_room(wrong: dict[str, Any], level: str, said: str) -> None:
    (found,) = bad(places=[place(**wrong), place("/srv/shop/.releaser")])
    assert (found.level, found.check, found.found) == (level, "disk", said)


def test_a_file_system_that_counts_no_inodes_is_well() -> None:
    assert bad(places=[place(inodes=None), place("/srv/shop/.releaser")]) == []


@pytest.mark.parametrize(("wall", "said"), [(990.0, "behind"), (1010.0, "ahead of"), (998.0, ""), (1002.4, "")])
def test_a_clock_is_compared_with_the_moments_around_the_question(wall: float, said: str) -> None:
    found = bad(wall=wall)
    assert [one.level for one in found] == (["WARN"] if said else [])
    assert all(said in one.found for one in found)


def test_a_stranger_on_a_port_is_named_with_what_to_do() -> None:
    target = told()["target"] | {"slots": {"blue": slot(), "green": slot(stranger="pid 7 (nc -l)")}}
    (found,) = slot_findings(asked(), told(target=target))
    assert found.code == "port-taken"
    assert found.found == "the port 8002 of slot green is taken by pid 7 (nc -l), which releaser did not start"
    assert found.fix[-1].endswith("releaser adopt")


def test_a_slot_that_runs_mute_or_without_a_supervisor_is_a_warning() -> None:
    running = slot(release="1.0.0-aa", state="running", supervised=False)
    target = told()["target"] | {"slots": {"blue": running, "green": slot()}}
    found = list(slot_findings(asked(), told(target=target)))
    assert [(one.level, one.check) for one in found] == [("WARN", "ports"), ("WARN", "slots")]
    heard = target | {
        "ports": {"blue": "pid 9 (app)", "green": None},
        "slots": {"blue": running | {"supervised": True}, "green": slot()},
    }
    assert [one.level for one in slot_findings(asked(), told(target=heard))] == ["OK"]


def units(**wrong: Any) -> dict[str, Any]:
    each = {"load": "loaded", "active": "inactive", "enabled": "disabled"}
    slots = {name: each | {"name": f"shop@{name}.service"} for name in ("blue", "green")}
    target: dict[str, Any] = told()["target"]
    return target | {"units": {"slots": slots, "refusal": None, "used": False, "sudo": True} | wrong}


def test_a_unit_that_is_missing_is_told_in_the_host_s_own_words() -> None:
    refusal = {
        "kind": "failed",
        "code": "unit-missing",
        "message": "the host has no usable unit",
        "fix": ["install it"],
    }
    (found,) = bad(target=units(refusal=refusal))
    assert (found.level, found.check, found.code, found.fix) == ("FAIL", "units", "unit-missing", ("install it",))


def test_without_sudo_nobody_knows_beforehand() -> None:
    assert [one.level for one in bad(target=units(sudo=False))] == ["WARN"]
    assert bad(target=units(sudo=False, used=True)) == []
    assert bad(target=units(sudo=False), user="root") == []


def test_a_committed_slot_that_no_boot_starts_is_a_warning() -> None:
    (found,) = boot_findings(asked(), told(target=units()), "blue")
    assert found.fix == ("sudo systemctl enable shop@blue.service",)
    assert list(boot_findings(asked(), told(target=units()), None)) == []


@pytest.mark.parametrize(
    ("error", "level", "check", "said"),
    [
        (UnreachableError("web1 port 22 cannot be reached: no answer", code="connect"), "FAIL", "reach", "port 22 cannot be reached: no answer"),
        (UnreachableError("the name web1 does not resolve", code="resolve"), "FAIL", "reach", "the name web1 does not resolve"),
        (FailedError("web1 does not let deploy in", code="auth"), "FAIL", "login", "does not let deploy in"),
        (FailedError("sudo on web1 wants a terminal", code="sudo-tty"), "FAIL", "sudo", "sudo on web1 wants a terminal"),
        (FailedError("web1 has no python3", code="python"), "FAIL", "python", "has no python3"),
        (UnknownError("doctor.host on web1 gave no answer within 20 s", code="time-out"), "UNKNOWN", "reach", "doctor.host on web1 gave no answer within 20 s"),
    ],
)  # fmt: skip
def test_why_a_host_told_nothing(error: Any, level: str, check: str, said: str) -> None:
    found = silent_finding(asked(), error)
    assert (found.level, found.check, found.found) == (level, check, said)
    assert found.fix or level == "UNKNOWN"
