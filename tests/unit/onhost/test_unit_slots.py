"""The slots of a host whose units run them, with a systemd that is only played; tests/real/systemd has a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit_fake_systemd import FakeSystemd, InsideShell

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.core.values import Release
from releaser.errors import FailedError
from releaser.onhost import clock, files, unit, unit_log, unit_retire
from releaser.onhost.home import Home
from releaser.testing.contracts_target import CHECKS, Check

BLUE, GREEN = "shop@blue.service", "shop@green.service"
PORTS = {"blue": 1, "green": 2}  # nobody listens there, and the played units do not either


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    made = FakeSystemd(tmp_path / "systemd", BLUE, GREEN)
    kept = tmp_path / "journal/of-this-host"
    kept.mkdir(parents=True)
    (kept / "system.journal").touch()
    monkeypatch.setattr(unit, "FOLDERS", (made.folder,))
    monkeypatch.setattr(unit, "WANTS", tmp_path)
    monkeypatch.setattr(unit, "RUNS", tmp_path)
    monkeypatch.setattr(unit_log, "JOURNALS", (tmp_path / "journal",))
    yield made
    made.close()
    for want in (tmp_path / "srv/.releaser/run").glob("*.want.json"):
        want.unlink()  # ends the processes that wait for a warm slot's time


@pytest.fixture
def target(tmp_path: Path, systemd: FakeSystemd) -> HostsTarget:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/app").write_text("one")
    run = {"systemd": "shop@.service"}
    options = {"hosts": ["web1"], "path": str(tmp_path / "srv"), "run": run, "ports": PORTS}
    artifact = artifact_at(tmp_path / "build")
    return HostsTarget(
        "web", HostsOptions.model_validate(options), {"web1": InsideShell()}, artifact, {"KEY": "pass word"}
    )


@pytest.fixture
def release(tmp_path: Path, target: HostsTarget) -> Release:
    release = Release.of("1.0.0", artifact_at(tmp_path / "build").digest, "c" * 64)
    target.place(release, fence=1, within=20)
    return release


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "srv")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_slots_of_units_keep_the_contract(target: HostsTarget, tmp_path: Path, check: Check) -> None:
    digest = artifact_at(tmp_path / "build").digest
    check(target, Release.of("1.0.0", digest, "c" * 64), Release.of("2.0.0", digest, "d" * 64))


def test_a_start_binds_writes_the_variables_and_gives_one_order(
    target: HostsTarget, release: Release, systemd: FakeSystemd, place: Home
) -> None:
    target.start(release, "blue", fence=1, within=20)
    assert systemd.told() == [f"start --no-block {BLUE}"]
    written = (place.run / "blue.env").read_text()
    assert 'KEY="pass word"\nPORT="1"\n' in written
    assert f'RELEASER_RELEASE="{release.id}"\n' in written
    assert place.bound("blue") == release.id


def test_a_start_that_fails_is_stopped_again_and_tells_what_was_printed(
    target: HostsTarget, release: Release, systemd: FakeSystemd
) -> None:
    systemd.change(BLUE, broken=True, ActiveState="failed")
    systemd.journal(["the key is pass word", list(b"no such database \xff")])
    with pytest.raises(FailedError, match="it ended \\(exit 3\\)") as raised:
        target.start(release, "blue", fence=1, within=20)
    assert raised.value.message.endswith("the end of its journal:\n  the key is ***\n  no such database \ufffd)")
    assert systemd.told() == [f"reset-failed {BLUE}", f"start --no-block {BLUE}", f"stop --no-block {BLUE}"]


def test_the_committed_slot_is_enabled_before_the_other_is_disabled(
    target: HostsTarget, release: Release, systemd: FakeSystemd, tmp_path: Path
) -> None:
    target.start(release, "blue", fence=1, within=20)
    other = Release.of("2.0.0", release.artifact, "d" * 64)
    target.place(other, fence=1, within=20)
    target.start(other, "green", fence=1, within=20)
    for current in (release, other, other):
        target.collect(current.id, None, fence=1, within=20)
    assert [line for line in systemd.told() if "able" in line] == [
        f"enable {BLUE}",
        f"enable {GREEN}",
        f"disable {BLUE}",
    ]
    systemd.change(BLUE, no_install=True)
    with pytest.raises(FailedError, match=f"{BLUE} cannot be enabled, so a reboot would not bring {release.id} back"):
        target.collect(release.id, None, fence=1, within=20)
    systemd.change(BLUE, refuses=["enable"])
    with pytest.raises(FailedError, match="may not do this without a password") as raised:
        target.collect(release.id, None, fence=1, within=20)
    assert raised.value.fix[0].startswith("write run: { systemd: ..., sudo: true }, and add to sudoers")


def test_what_is_taken_down_is_not_started_by_a_boot(
    target: HostsTarget, release: Release, systemd: FakeSystemd
) -> None:
    target.start(release, "blue", fence=1, within=20)
    target.collect(release.id, None, fence=1, within=20)
    assert target.rest(fence=1, within=20) == [f"{BLUE} on web1"]
    assert target.rest(fence=1, within=20) == []
    assert [line for line in systemd.told() if "able" in line] == [f"enable {BLUE}", f"disable {BLUE}"]


def test_a_warm_unit_is_stopped_at_its_time_and_not_after_a_start(
    target: HostsTarget, release: Release, systemd: FakeSystemd, place: Home
) -> None:
    target.start(release, "blue", fence=1, within=20)
    order = {"path": str(place.path), "slot": "blue"}
    assert unit_retire.retire({**order, "slot": "green"}) == {"ended": "called off"}
    want = files.read_json(place.want("blue"))
    assert want is not None
    files.write_json(place.want("blue"), {**want, "retire": {"at": clock.seconds() + 0.2}})
    assert unit_retire.retire(order) == {"ended": "stopped"}
    assert systemd.units()[BLUE]["ActiveState"] == "inactive"
    assert target.inspect(within=20)[0].hosts == {"web1": "stopped"}


def test_an_hour_of_warmth_is_asked_for_without_an_order(
    target: HostsTarget, release: Release, systemd: FakeSystemd, place: Home
) -> None:
    target.start(release, "blue", fence=1, within=20)
    target.stop(release.id, "blue", fence=1, after=3600, within=20)
    want = files.read_json(place.want("blue"))
    assert want is not None
    assert want["retire"]["at"] > clock.seconds() + 3590
    target.start(release, "blue", fence=1, within=20)  # or the process that waits would outlive the test
    assert systemd.told() == [f"start --no-block {BLUE}"]


def test_a_unit_that_runs_already_belongs_to_somebody(
    target: HostsTarget, release: Release, systemd: FakeSystemd
) -> None:
    systemd.change(BLUE, ActiveState="active")
    with pytest.raises(FailedError, match="is active already \\(pid 0\\), and releaser did not start it"):
        target.start(release, "blue", fence=1, within=20)


def test_logs_are_the_last_lines_and_then_what_comes(
    target: HostsTarget, release: Release, systemd: FakeSystemd, tmp_path: Path
) -> None:
    target.start(release, "blue", fence=1, within=20)
    nothing = target.logs("blue", within=20)[0]["web1"]
    assert (nothing.lines, nothing.cursor[:2]) == ((), "t:")
    systemd.journal(["one", "two", "three"])
    assert target.logs("blue", cursors={"web1": nothing.cursor}, within=20)[0]["web1"].lines == ("one", "two", "three")
    part = target.logs("blue", lines=2, within=20)[0]["web1"]
    assert part.lines == ("two", "three")
    assert target.logs("blue", cursors={"web1": part.cursor}, within=20)[0]["web1"].lines == ()
    systemd.journal(["one", "two", "three", "four"])
    assert target.logs("blue", cursors={"web1": part.cursor}, within=20)[0]["web1"].lines == ("four",)
    (tmp_path / "journal/of-this-host/system.journal").unlink()
    assert "the host keeps no journal" in target.logs("blue", within=20)[1]["web1"]


def test_an_answer_of_logs_is_never_longer_than_its_limit(
    target: HostsTarget, release: Release, systemd: FakeSystemd
) -> None:
    target.start(release, "blue", fence=1, within=20)
    systemd.journal(["x" * 100_000] * 5)
    first = target.logs("blue", cursors={"web1": "t:0"}, within=20)[0]["web1"]
    rest = target.logs("blue", cursors={"web1": first.cursor}, within=20)[0]["web1"]
    assert (len(first.lines), len(rest.lines)) == (3, 2)


def test_a_missing_unit_is_named_before_anything_is_placed(
    target: HostsTarget, systemd: FakeSystemd, tmp_path: Path
) -> None:
    (systemd.folder / "units.json").write_text("{}")
    release = Release.of("1.0.0", artifact_at(tmp_path / "build").digest, "c" * 64)
    with pytest.raises(FailedError, match=f"no usable unit {BLUE}: systemd says not-found"):
        target.place(release, fence=1, within=20)
    (systemd.folder / "systemctl").unlink()
    with pytest.raises(FailedError, match="this host has no systemctl"):
        target.place(release, fence=1, within=20)
