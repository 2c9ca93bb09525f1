import pytest
from systemd_stage import ORDERS, Stage

from releaser.errors import FailedError
from releaser.shell.ssh import SshShell

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_a_reboot_and_a_power_cut_bring_back_what_was_committed(stage: Stage) -> None:
    one, old = stage.started("1.0.0", "blue")
    one.collect(old.id, [old.id], fence=1, within=20)
    two, new = stage.started("2.0.0", "green")
    stage.host.power_cut()  # before the commit: green was only tried
    stage.answers("blue", "1.0.0")
    assert (stage.look("blue")["state"], stage.look("green")["state"]) == ("running", "stopped")
    assert stage.look("blue")["release"] == old.id
    two.start(new, "green", fence=1, within=30)
    for _ in range(2):
        two.collect(new.id, [old.id], fence=1, within=20)
    assert [stage.systemctl("is-enabled", slot=slot) for slot in stage.ports] == ["disabled", "enabled"]
    two.stop(old.id, "blue", fence=1, after=3600, within=20)
    stage.host.reboot()
    stage.answers("green", "2.0.0")
    assert stage.look("blue")["state"] == "stopped"
    one.start(old, "blue", fence=1, within=30)
    one.collect(old.id, [new.id], fence=1, within=20)  # a rollback went back to it
    stage.host.power_cut()
    stage.answers("blue", "1.0.0")
    assert stage.look("green")["state"] == "stopped"


def test_a_unit_that_cannot_be_enabled_is_an_answer(stage: Stage) -> None:
    file = f"/etc/systemd/system/{stage.name}@.service"
    stage.host.run("sed", "-i", "/Install/d;/WantedBy/d;$aRemainAfterExit=no", file)
    stage.host.run("systemctl", "daemon-reload")
    target, release = stage.started("1.0.0")
    target.collect(release.id, [], fence=1, within=20)  # systemd calls it static: something else starts it
    stage.allow("start --no-block", "stop --no-block")
    stage.unit()
    with pytest.raises(FailedError, match="deploy may not do this without a password: /usr/bin/systemctl enable"):
        target.collect(release.id, [], fence=1, within=20)
    stage.allow(*ORDERS)
    target.collect(release.id, [], fence=1, within=20)
    assert stage.systemctl("is-enabled") == "enabled"


def test_a_unit_that_serves_already_is_taken_in_untouched_and_stays_down_after_the_next_commit(stage: Stage) -> None:
    stage.host.run("tee", "/etc/sudoers.d/python", stdin="deploy ALL=(root) NOPASSWD: ALL\n")
    stage.shell = SshShell(stage.shell.to, f"{stage.path}/.releaser", stage.pool, name="web1", sudo="root")
    legacy = f"{stage.name}-legacy.service"
    command = f"/usr/bin/python3 -m http.server {stage.ports['blue']}"
    text = f"[Service]\nExecStart={command}\nRestart=always\n[Install]\nWantedBy=multi-user.target\n"
    stage.host.run("tee", f"/etc/systemd/system/{legacy}", stdin=text)
    stage.host.run("systemctl", "enable", "--now", legacy)
    stage.answers()
    pid = stage.host.run("systemctl", "show", "--value", "--property=MainPID", legacy).strip()
    target, release = stage.release("2.0.0")
    old = "1.0.0-0000000a"
    for _ in range(2):
        assert target.adopt(old, "blue", fence=1, within=20) == {"web1": f"{pid} /usr/bin/python3 -m"}
    seen = stage.look()
    assert (seen["release"], seen["state"], seen["pid"], seen["adopted"]) == (old, "running", int(pid), True)
    target.place(release, fence=1, within=20)
    target.start(release, "green", fence=1, within=20)
    target.collect(release.id, [old], fence=1, within=20)
    target.stop(old, "blue", fence=1, after=0, within=20)
    stage.ends()
    stage.host.power_cut()
    stage.answers("green", "2.0.0")
    assert stage.host.run("systemctl", "is-active", legacy, check=False) == "inactive\n"


def test_a_process_of_no_unit_is_not_taken_for_one(stage: Stage) -> None:
    stage.host.run("tee", "/etc/sudoers.d/python", stdin="deploy ALL=(root) NOPASSWD: ALL\n")
    stage.shell = SshShell(stage.shell.to, f"{stage.path}/.releaser", stage.pool, name="web1", sudo="root")
    port = str(stage.ports["blue"])
    stage.host.run("sh", "-c", f"setsid python3 -m http.server {port} >/dev/null 2>&1 & echo $! > /run/stray")
    try:
        stage.answers()
        target, _ = stage.release("2.0.0")
        with pytest.raises(FailedError, match="is not the main process of a systemd unit"):
            target.adopt("1.0.0-0000000a", "blue", fence=1, within=20)
        assert stage.look()["state"] == "empty"
    finally:
        stage.host.run("sh", "-c", "kill $(cat /run/stray)")
