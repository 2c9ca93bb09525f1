"""Variables that only the host's systemd can open, with a systemd that is only played; tests/real/systemd has a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit_fake_systemd import FakeSystemd, InsideShell

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget, Kept
from releaser.core.values import Release
from releaser.errors import FailedError
from releaser.onhost import files, unit, unit_log
from releaser.onhost.home import Home

BLUE, GREEN = "shop@blue.service", "shop@green.service"
SECRET = 'hunter2 "$word'


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSystemd]:
    made = FakeSystemd(tmp_path / "systemd", BLUE, GREEN)
    made.loads(tmp_path / "srv")
    for name, value in {"FOLDERS": (made.folder,), "WANTS": tmp_path, "RUNS": tmp_path}.items():
        monkeypatch.setattr(unit, name, value)
    monkeypatch.setattr(unit_log, "JOURNALS", (made.folder,))
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "srv")


def target(folder: Path, kept: Kept, value: str = SECRET) -> tuple[HostsTarget, Release]:
    (folder / "build").mkdir(exist_ok=True)
    (folder / "build/app").write_text("one")
    artifact = artifact_at(folder / "build")
    given = {"hosts": ["web1"], "path": str(folder / "srv"), "run": {"systemd": "shop@.service"}}
    options = HostsOptions.model_validate(given | {"ports": {"blue": 1, "green": 2}})
    made = HostsTarget("web", options, {"web1": InsideShell()}, artifact, {"KEY": value}, kept)
    return made, Release.of("1.0.0", artifact.digest, "c" * 64)


def without(place: Home, value: str) -> list[Path]:
    """The files below a target's path in which the value stands; that there are files at all is a check of its own."""
    found = [path for path in place.path.rglob("*") if path.is_file()]
    assert found
    return [path for path in found if value.encode() in path.read_bytes()]


def test_variables_are_kept_sealed_and_given_to_the_slot_that_holds_the_release(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "sealed")
    made.place(release, fence=1, within=20)
    made.start(release, "blue", fence=1, within=20)
    for file in (place.sealed(release.id), place.run / "blue.sealed"):
        assert systemd.opened(file) == 'KEY="hunter2 \\"\\$word"\n'
        assert file.stat().st_mode & 0o777 == 0o600
    assert 'PORT="1"\n' in (place.run / "blue.env").read_text()
    assert without(place, "hunter2") == []


def test_a_release_that_is_not_kept_any_more_takes_its_sealed_variables_along(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "sealed")
    made.place(release, fence=1, within=20)
    assert place.sealed(release.id).exists()
    made.collect("2.0.0-00000000", [], fence=1, within=20)
    assert list(place.environments.iterdir()) == []


def test_going_back_to_a_release_that_was_kept_in_a_plain_file_gives_its_unit_its_own_variables(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "file")
    made.place(release, fence=1, within=20)
    files.replace(place.run / "blue.sealed", b"of another release")
    made.start(release, "blue", fence=1, within=20)
    assert systemd.opened(place.run / "blue.sealed") == 'KEY="hunter2 \\"\\$word"\n'


def test_the_way_in_which_variables_are_kept_follows_the_environment_without_another_upload(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    for kept in ("file", "sealed", "file"):
        made, release = target(tmp_path, kept)
        made.place(release, fence=1, within=20)
        assert place.sealed(release.id).exists() is (kept == "sealed")
        assert (files.read_json(place.environment(release.id)) or {})["env"] == (
            {} if kept == "sealed" else {"KEY": SECRET}
        )


def test_a_release_whose_variables_a_power_cut_took_is_given_them_again(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "sealed")
    made.place(release, fence=1, within=20)
    place.environment(release.id).unlink()
    made.place(release, fence=1, within=20)
    made.start(release, "blue", fence=1, within=20)


def test_a_unit_without_the_line_is_named_before_anything_is_placed(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    systemd.change(GREEN, text="[Service]\n#LoadCredentialEncrypted=releaser.env:/elsewhere/%i.sealed")
    made, release = target(tmp_path, "sealed")
    with pytest.raises(FailedError, match=f"{GREEN} does not load what") as told:
        made.place(release, fence=1, within=20)
    assert told.value.fix[0].endswith(f"LoadCredentialEncrypted=releaser.env:{place.run}/%i.sealed")
    assert list(place.releases.iterdir()) == []


def test_a_unit_that_lost_the_line_is_not_started_without_its_variables(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "sealed")
    made.place(release, fence=1, within=20)
    systemd.change(BLUE, text="[Service]")
    with pytest.raises(FailedError, match=f"{BLUE} does not load what"):
        made.start(release, "blue", fence=1, within=20)
    assert systemd.told() == []


@pytest.mark.parametrize(
    ("broken", "said"), [("no-key", "does not seal here: Failed to determine"), ("none", "came with systemd 250")]
)
def test_a_host_that_cannot_seal_says_why_and_keeps_nothing(
    systemd: FakeSystemd, place: Home, tmp_path: Path, broken: str, said: str
) -> None:
    if broken == "none":
        (systemd.folder / "systemd-creds").unlink()
    else:
        (systemd.folder / broken).touch()
    made, release = target(tmp_path, "sealed")
    with pytest.raises(FailedError, match=said) as told:
        made.place(release, fence=1, within=20)
    assert "hunter2" not in str(told.value)
    assert list(place.environments.iterdir()) == []


def test_what_a_unit_printed_is_not_repeated_where_its_values_cannot_be_masked(
    systemd: FakeSystemd, place: Home, tmp_path: Path
) -> None:
    made, release = target(tmp_path, "sealed")
    made.place(release, fence=1, within=20)
    systemd.change(BLUE, broken=True)
    systemd.journal([f"the key is {SECRET}"])
    with pytest.raises(FailedError, match=f"because its values are sealed: journalctl --unit {BLUE}") as told:
        made.start(release, "blue", fence=1, within=20)
    assert "hunter2" not in str(told.value)
