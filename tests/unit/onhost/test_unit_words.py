import subprocess
from pathlib import Path

import pytest

from releaser.onhost import unit
from releaser.onhost.answers import Refusal
from releaser.onhost.unit import Facts, expect_systemd, instance, parse
from releaser.onhost.unit_adopt import named
from releaser.onhost.unit_env import environment_file, unfit
from releaser.onhost.unit_log import masked
from releaser.onhost.unit_slot import _note, _state

SHOWN = """\
Type=simple
MainPID=0
NRestarts=3
ExecMainStartTimestampMonotonic=5000000
ExecMainExitTimestampMonotonic=7250000
ExecMainCode=1
ExecMainStatus=7
Result=exit-code
LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=disabled
ControlGroup=
"""
VALUES = [
    "",
    "plain",
    "a b",
    '"quoted"',
    "it's",
    "\\back\\slash\\n",
    "$HOME ${HOME} $(id) `id`",
    "two\nlines\n",
    "\ttab",
    "#no;comment",
    "=",
    "é ü",
]


def facts(active: str, sub: str = "", *, busy: bool = False, load: str = "loaded") -> Facts:
    return Facts(load, active, sub, 0, 0, "success", busy, "enabled", "", None)


@pytest.mark.parametrize("template", ["shop@.service", "shop@{slot}.service"])
def test_a_template_and_a_slot_name_an_instance(template: str) -> None:
    assert instance(template, "green") == "shop@green.service"


def test_what_systemd_shows_is_read_as_facts() -> None:
    said = parse(SHOWN)
    assert (said.active, said.sub, said.pid, said.restarts, said.busy) == ("activating", "auto-restart", 0, 3, False)
    assert said.ended == {"code": 7, "signal": None, "after": 2.2}
    assert said.how == "exit 7"
    killed = parse(SHOWN.replace("ExecMainCode=1", "ExecMainCode=2").replace("Status=7", "Status=9") + "Job=41\n")
    assert killed.ended == {"code": None, "signal": "SIGKILL", "after": 2.2}
    assert (killed.how, killed.busy) == ("SIGKILL", True)


def test_a_process_that_runs_has_not_ended_whatever_an_older_one_left() -> None:
    running = SHOWN.replace("ExitTimestampMonotonic=7250000", "ExitTimestampMonotonic=0").replace("Code=1", "Code=0")
    assert parse(running).ended is None
    assert parse("").ended is None


@pytest.mark.parametrize(
    ("seen", "ends", "state", "note"),
    [
        (facts("active", "running"), False, "running", ""),
        (facts("activating", "auto-restart"), False, "waiting", "ended: success"),
        (facts("activating", "start"), False, "waiting", "starting"),
        (facts("inactive", "dead", busy=True), False, "waiting", "starting"),
        (facts("deactivating", "stop-sigterm"), False, "stopping", ""),
        (facts("active", "running", busy=True), True, "stopping", ""),
        (facts("active", "running", busy=True), False, "running", ""),
        (facts("inactive", "dead"), True, "stopped", ""),
        (facts("failed", "failed"), False, "stopped", "failed: success"),
        (facts("inactive", "dead", load="not-found"), False, "stopped", "its unit is gone from this host"),
    ],
)
def test_a_unit_s_states_are_a_slot_s(seen: Facts, ends: bool, state: str, note: str) -> None:
    assert _state(seen, ends=ends) == state
    assert _note(seen, state) == note


@pytest.mark.parametrize("value", VALUES)
def test_a_shell_reads_the_same_variables_from_the_file_as_were_written(tmp_path: Path, value: str) -> None:
    """systemd's rules of quoting are a shell's; that systemd reads them too is tested on a real one."""
    file = tmp_path / "blue.env"
    file.write_bytes(environment_file({"NAME": value, "OTHER": "x"}))
    done = subprocess.run(
        ["sh", "-c", '. "$1"; printf "%s|%s" "$NAME" "$OTHER"', "sh", file], capture_output=True, check=True
    )
    assert done.stdout.decode() == f"{value}|x"


def test_values_that_systemd_leaves_out_are_named() -> None:
    bad = {"BELL": "\a", "RETURN": "a\rb", "NEXT": "\x85", "DELETE": "\x7f", "HALF": "\ud800"}
    assert unfit({**bad, **{f"V{n}": value for n, value in enumerate(VALUES)}}) == sorted(bad)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0::/system.slice/shop.service\n", "shop.service"),
        ("1:name=systemd:/system.slice/system-shop.slice/shop@blue.service\n0::/\n", "shop@blue.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n", None),
        ("0::/system.slice/docker-4f2a.scope\n", None),
        ("0::/system.slice/containerd.service/kubepods/pod1\n", None),
        ("5:memory:/system.slice/other.service\n0::/\n", None),
    ],
)
def test_the_unit_of_a_process_is_the_last_part_of_its_control_group(text: str, name: str | None) -> None:
    assert named(text) == name


def test_values_of_variables_are_masked_the_longest_first() -> None:
    env = {"KEY": "correct-horse", "PART": "correct", "LEVEL": "info"}
    assert masked("info: key correct-horse, half correct", env) == "info: key ***, half ***"


def test_a_host_without_systemd_is_told_what_to_write_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "RUNS", tmp_path)
    expect_systemd()
    monkeypatch.setattr(unit, "RUNS", tmp_path / "system")
    with pytest.raises(Refusal, match="does not run systemd") as raised:
        expect_systemd()
    assert "run: { command: ... }" in raised.value.fix[0]
