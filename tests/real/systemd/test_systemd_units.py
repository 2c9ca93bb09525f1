import time
from typing import Any

import pytest
from nspawn_host import until
from systemd_stage import ORDERS, SECRET, Stage

from releaser.errors import FailedError
from releaser.shell.ssh.visitor import SshVisitor

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_a_unit_runs_the_release_that_its_slot_is_bound_to(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers(what="1.0.0")
    assert stage.get(name="RELEASER_RELEASE") == release.id
    assert stage.get(name="RELEASER_SLOT") == "blue"
    assert stage.get(name="the-working-directory") == f"{stage.path}/releases/{release.id}"
    seen = stage.look()
    assert (seen["state"], seen["release"], seen["restarts"], seen["stranger"]) == ("running", release.id, 0, None)
    assert seen["pid"] == int(stage.systemctl("show", "--value", "--property=MainPID"))
    target.stop(release.id, "blue", fence=1, after=0, within=20)
    stage.ends()
    assert target.logs("blue", within=20)[0]["web1"].lines.count("drained") == 1


def test_what_the_application_is_given_reaches_it_and_nobody_else(stage: Stage) -> None:
    stage.started("1.0.0", SECRET_KEY=SECRET, EMPTY="", PLAIN="a b")
    stage.answers()
    assert stage.get(name="SECRET_KEY") == SECRET
    assert (stage.get(name="EMPTY"), stage.get(name="PLAIN")) == ("", "a b")
    file = f"{stage.path}/.releaser/run/blue.env"
    assert stage.host.run("stat", "-c", "%a %U", file) == "600 deploy\n"
    for told in (
        stage.systemctl("show"),
        stage.systemctl("status"),
        stage.host.run("journalctl", "--all", "--output=json"),
    ):
        assert "second line" not in told
    assert "second line" not in stage.host.run("ps", "-eo", "args")


def test_values_that_systemd_would_print_are_refused_before_anything_changes(stage: Stage) -> None:
    target, release = stage.release("1.0.0", {"BELL": "ring\a", "RETURN": "one\r\ntwo", "FINE": "a\tb\n"})
    with pytest.raises(FailedError, match="BELL, RETURN: systemd takes no control characters"):
        target.place(release, fence=1, within=20)
    assert stage.look()["state"] == "empty"
    assert stage.host.run("ls", f"{stage.path}/releases") == ""


def test_a_start_that_fails_shows_the_end_of_the_journal_and_leaves_nothing_running(stage: Stage) -> None:
    target, release = stage.release("1.0.0", {"MODE": "crash", "SECRET_KEY": "correct-horse"})
    target.place(release, fence=1, within=20)
    with pytest.raises(FailedError) as raised:
        target.start(release, "blue", fence=1, within=20)
    said = raised.value.message
    assert f"{release.id} cannot be started by {stage.name}@blue.service: it ended (exit 1)" in said
    assert "no such database: orders" in said
    assert "the key is ***" in said
    assert "correct-horse" not in said
    stage.ends()
    assert stage.systemctl("is-active") in {"inactive", "failed"}
    good, fixed = stage.started("1.0.1")  # whatever the start limit has counted
    stage.answers(what="1.0.1")
    good.stop(fixed.id, "blue", fence=1, after=0, within=20)


def test_the_unit_s_own_restart_brings_the_application_back_and_is_counted(stage: Stage) -> None:
    stage.started("1.0.0")
    stage.answers()
    first = stage.look()["pid"]
    stage.systemctl("kill", "--signal=KILL")
    until(lambda: stage.look()["pid"] not in (None, first))
    stage.answers(what="1.0.0")
    assert stage.look()["restarts"] == 1


def test_between_two_starts_a_slot_waits_and_says_why(stage: Stage) -> None:
    stage.unit(pause="30s")
    target, release = stage.started("1.0.0")
    stage.answers()
    assert stage.get(name="exit") is None
    until(lambda: stage.look()["state"] == "waiting")
    seen = stage.look()
    assert (seen["note"], seen["last_exit"]["code"], seen["running"]) == ("ended: exit 7", 7, False)
    assert target.inspect(within=20)[0].hosts["web1"].startswith("down: ended: exit 7")
    target.stop(release.id, "blue", fence=1, after=0, within=20)
    stage.ends()


def test_a_warm_unit_is_stopped_at_its_time_by_nobody_of_ours(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    target.stop(release.id, "blue", fence=1, after=1.5, within=20)
    stage.pool.close()  # the command line is gone
    assert stage.systemctl("is-active") == "active"
    until(lambda: stage.systemctl("is-active") == "inactive")


def test_a_start_calls_the_warm_unit_s_end_off(stage: Stage) -> None:
    target, release = stage.started("1.0.0")
    stage.answers()
    pid = stage.look()["pid"]
    target.stop(release.id, "blue", fence=1, after=2.0, within=20)
    target.start(release, "blue", fence=1, within=20)
    time.sleep(3.5)  # longer than the time that was called off
    assert stage.look()["pid"] == pid
    target.stop(release.id, "blue", fence=1, after=0.5, within=20)
    stage.ends()


def test_logs_are_the_journal_s_and_begin_with_the_release(stage: Stage) -> None:
    target, old = stage.started("1.0.0", MODE="old")
    stage.answers()
    target.stop(old.id, "blue", fence=1, after=0, within=20)
    stage.ends()
    other, new = stage.started("2.0.0", MODE="new")
    stage.answers()
    own = other.logs("blue", release=new.id, within=20)[0]["web1"]
    assert "up new" in own.lines
    assert "up old" not in own.lines
    everything = other.logs("blue", lines=500, within=20)[0]["web1"]
    assert "up old" in everything.lines
    assert other.logs("blue", lines=2, within=20)[0]["web1"].lines == everything.lines[-2:]
    assert other.logs("blue", cursors={"web1": own.cursor}, within=20)[0]["web1"].lines == ()
    stage.systemctl("kill", "--signal=KILL")
    until(lambda: "up new" in other.logs("blue", cursors={"web1": own.cursor}, within=20)[0]["web1"].lines)


def test_a_missing_unit_is_named_before_anything_is_placed(stage: Stage) -> None:
    target, release = stage.release("1.0.0", systemd="nobody@{slot}.service", sudo=True)
    with pytest.raises(FailedError, match=r"no usable unit nobody@blue\.service: systemd says not-found"):
        target.place(release, fence=1, within=20)
    assert stage.host.run("ls", f"{stage.path}/releases") == ""


def test_every_right_that_is_missing_is_named_with_its_line_before_anything_is_placed(stage: Stage) -> None:
    stage.allow(*(order for order in ORDERS if order not in ("stop --no-block", "enable")))
    target, release = stage.release("1.0.0")
    with pytest.raises(
        FailedError, match=r"deploy may not do this .*: /usr/bin/systemctl stop .* and 3 more"
    ) as raised:
        target.place(release, fence=1, within=20)
    (fix,) = raised.value.fix
    line = fix.removeprefix("add to sudoers on the host: ")
    assert stage.host.run("ls", f"{stage.path}/releases") == ""
    stage.host.run("tee", "-a", f"/etc/sudoers.d/{stage.name}", stdin=line + "\n")
    target.place(release, fence=1, within=20)
    stage.allow("start --no-block", user="root")  # taken away meanwhile
    with pytest.raises(FailedError, match="deploy may not do this without a password: /usr/bin/systemctl start"):
        target.start(release, "blue", fence=1, within=20)
    target, release = stage.release("1.0.1", systemd=f"{stage.name}@.service")
    target.place(release, fence=1, within=20)
    with pytest.raises(FailedError, match="may not do this without a password") as raised:
        target.start(release, "blue", fence=1, within=20)
    assert "sudo: true" in raised.value.fix[0]
    assert stage.look()["state"] == "stopped"


def test_doctor_sees_units_and_rights_as_the_user_who_releases_and_leaves_nothing(stage: Stage) -> None:
    """A user without rights: what it may not do shows only here."""
    visitor = SshVisitor(stage.shell)

    def asked(
        path: str = stage.path, unit: str = f"{stage.name}@.service", places: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        target = {"path": path, "ports": stage.ports, "unit": {"systemd": unit, "sudo": True}}
        return visitor.call("doctor.host", {"places": places, "target": target}, within=30)

    facts = asked(places=(stage.path, "/etc/shop", "/etc/shadow", "/proc/sys"))
    assert (facts["user"], facts["target"]["units"]["refusal"]) == ("deploy", None)
    assert {unit["load"] for unit in facts["target"]["units"]["slots"].values()} == {"loaded"}
    own, nowhere, shadow, proc = facts["places"]
    assert (own["kind"], own["owner"], own["writes"]) == ("directory", "deploy", True)
    assert (nowhere["kind"], nowhere["nearest"], nowhere["writes"]) == ("nothing", "/etc", False)
    assert (shadow["kind"], shadow["owner"], shadow["reads"]) == ("file", "root", False)
    assert (proc["kind"], proc["writes"]) == ("directory", False)
    assert asked(unit="nobody@.service")["target"]["units"]["refusal"]["code"] == "unit-missing"
    stage.allow(*(order for order in ORDERS if order != "enable"))
    refusal = asked()["target"]["units"]["refusal"]
    assert refusal["code"] == "unit-rights"
    assert "systemctl enable" in refusal["fix"][0]
    assert stage.host.run("ls", "-A", stage.path) == ""


def test_a_unit_that_says_when_it_is_ready_counts_from_then_on(stage: Stage) -> None:
    ready = "ExecStart=/bin/sh -c 'sleep 1.5; systemd-notify --ready; exec python3 app.py'"
    stage.unit("Type=notify", "NotifyAccess=all", "ExecStart=", ready)
    begun = time.monotonic()
    stage.started("1.0.0")
    assert time.monotonic() - begun > 1.5
    assert stage.look()["state"] == "running"
    stage.unit("Type=notify", "TimeoutStartSec=5min")
    target, release = stage.release("2.0.0")
    target.place(release, fence=1, within=20)
    with pytest.raises(FailedError, match=r"is still activating \(start\), and the time for a start is over"):
        target.start(release, "green", fence=1, within=6)
    stage.ends("green")


def test_a_unit_that_somebody_else_started_is_not_taken_for_ours(stage: Stage) -> None:
    stage.unit("WorkingDirectory=/", "EnvironmentFile=", "ExecStart=", "ExecStart=/bin/sleep 600")
    stage.systemctl("start")
    target, release = stage.release("1.0.0")
    target.place(release, fence=1, within=20)
    with pytest.raises(
        FailedError, match=r"blue\.service is active already \(pid \d+\), and releaser did not start it"
    ):
        target.start(release, "blue", fence=1, within=20)
    assert stage.look()["state"] == "empty"
    assert stage.systemctl("is-active") == "active"


def test_a_unit_that_does_not_stop_in_its_own_time_is_killed_by_systemd(stage: Stage) -> None:
    stage.unit("TimeoutStopSec=1s", "ExecStop=/bin/sleep 60")
    target, release = stage.started("1.0.0")
    stage.answers()
    target.stop(release.id, "blue", fence=1, after=0, within=20)
    assert stage.look()["state"] == "stopping"
    other, new = stage.release("2.0.0")
    other.place(new, fence=1, within=20)
    other.start(new, "blue", fence=1, within=30)  # waits for the one that stops
    stage.answers(what="2.0.0")
