"""How references become values: one store a scheme, closed again, and nothing kept on a host that may not be."""

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import pytest
from drawer import DrawerSecrets

from releaser.config.environment import Environment
from releaser.config.read import load_environment
from releaser.core.values import Release
from releaser.engine.registry import Registry
from releaser.engine.resolve import Resolved, expect_versions, resolve, resolve_headers
from releaser.errors import ConfigError, RefusedError

TEXT = """\
app: shop
artifact: dist/shop-{{version}}.tar
hosts: [local]
path: ./at
run: ./run --port {{port}}
router: envoy://local:8080
{more}
"""
DRAWER = EntryPoint("drawer", "drawer:DrawerSecrets", "releaser.secrets")
REGISTRY = Registry([*distribution("releaser").entry_points, DRAWER], allowed={""})


@pytest.fixture
def done() -> Iterator[list[str]]:
    DrawerSecrets.done.clear()
    yield DrawerSecrets.done
    DrawerSecrets.done.clear()


def environment(folder: Path, more: str) -> Environment:
    (folder / "environments").mkdir()
    (folder / "environments" / "test.yaml").write_text(TEXT.format(more=more))
    return load_environment(folder / "environments", "test", REGISTRY)[0]


def looked_up(folder: Path, more: str, variables: Mapping[str, str]) -> Resolved:
    return resolve(environment(folder, more), REGISTRY, folder, variables)


ALLOWED = "secrets: { at_rest: file }\n"


def test_one_store_reads_all_references_of_its_scheme_and_is_closed(tmp_path: Path, done: list[str]) -> None:
    more = ALLOWED + "env: { A: 'drawer:KEY', B: plain, C: 'env:KEY', D: 'drawer:OTHER', E: 'drawer:KEY' }"
    found = looked_up(tmp_path, more, {"KEY": "xyz", "OTHER": "wxyz"})
    assert found.told({"A": "drawer:KEY", "B": "plain", "C": "env:KEY", "D": "drawer:OTHER"}) == {
        "A": "xyz",
        "B": "plain",
        "C": "xyz",
        "D": "wxyz",
    }
    assert done == ["opened left", "KEY", "OTHER", "closed"]
    assert [reference for reference, _ in found.versions] == ["drawer:KEY", "drawer:OTHER", "env:KEY"]
    assert "xyz" not in repr(found)


def test_a_store_that_fails_is_closed_and_its_reason_and_code_are_kept(tmp_path: Path, done: list[str]) -> None:
    with pytest.raises(RefusedError, match=r"^env\.A: the drawer is locked; unlock it$") as told:
        looked_up(tmp_path, ALLOWED + "env: { A: 'drawer:KEY' }", {"LOCKED": ""})
    assert (told.value.code, told.value.exit_code) == ("locked", 6)
    assert done == ["opened left", "closed"]


def test_a_reason_without_a_code_of_its_own_is_called_secret(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"^env\.A: the variable KEY is not set") as told:
        looked_up(tmp_path, "env: { A: 'env:KEY' }", {})
    assert told.value.code == "secret"


def test_only_a_file_or_a_variable_may_be_kept_on_a_disk_without_being_asked(tmp_path: Path, done: list[str]) -> None:
    (tmp_path / "secrets.env").write_text("A=1\n")
    more = "env: { A: 'file:./secrets.env#A', B: 'env:KEY' }"
    assert looked_up(tmp_path, more, {"KEY": "2"}).values == {"file:./secrets.env#A": "1", "env:KEY": "2"}
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigError, match=r"env\.C comes from drawer, and each host keeps it with the release") as told:
        looked_up(tmp_path / "other", "env: { C: 'drawer:KEY' }", {"KEY": "2"})
    assert told.value.fix == tuple(
        f"secrets: {{ {how} }}" for how in ("at_rest: sealed", "at_rest: file", "reboot: needs-vault")
    )
    assert done == []


def test_what_one_host_has_of_its_own_is_looked_up_too(tmp_path: Path, done: list[str]) -> None:
    text = TEXT.replace("hosts: [local]", "hosts: [ {{ name: local, env: {{ POOL: 'drawer:POOL' }} }} ]")
    (tmp_path / "environments").mkdir()
    path = tmp_path / "environments" / "test.yaml"
    path.write_text(text.format(more="connection: local\n" + ALLOWED))
    made, _ = load_environment(path.parent, "test", REGISTRY)
    assert resolve(made, REGISTRY, tmp_path, {"POOL": "20"}).values == {"drawer:POOL": "20"}
    with pytest.raises(
        RefusedError, match=r"^targets\.\w+\.hosts: env\.POOL of local: drawer:POOL is not in the drawer"
    ):
        resolve(made, REGISTRY, tmp_path, {})


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_what_a_store_finds_unwise_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("A=1\nB=2\n")
    (tmp_path / "secrets.env").chmod(0o640)
    found = looked_up(
        tmp_path, "env: { A: 'file:./secrets.env#A', B: 'file:./secrets.env#B', C: 'env:KEY' }", {"KEY": "3"}
    )
    (concern,) = found.concerns
    assert f"chmod 600 {tmp_path / 'secrets.env'}" in concern
    (tmp_path / "secrets.env").chmod(0o600)
    (tmp_path / "again").mkdir()
    (tmp_path / "secrets.env").rename(tmp_path / "again" / "secrets.env")
    assert looked_up(tmp_path / "again", "env: { A: 'file:./secrets.env#A' }", {}).concerns == ()


def test_an_environment_without_references_has_no_digest_and_opens_nothing(tmp_path: Path, done: list[str]) -> None:
    found = looked_up(tmp_path, "env: { A: plain }", {})
    assert (found.digest, found.versions, done) == ("", (), [])


def test_other_versions_than_the_planned_ones_are_refused() -> None:
    planned = Resolved({}, (("drawer:KEY", "3"),))
    release = Release.of("1.0.0", "a" * 64, "c" * 64, planned.digest)
    expect_versions(planned, release)
    with pytest.raises(RefusedError, match=r"drawer:KEY is version 4.*plan again") as told:
        expect_versions(Resolved({}, (("drawer:KEY", "4"),)), release)
    assert (told.value.code, told.value.exit_code) == ("outdated", 6)


HEADERS = (
    "env: {{ A: 'drawer:KEY' }}\nprobes: {{ up: {{ kind: http, headers: {{ X-Plain: a, X-Key: 'drawer:{name}' }} }} }}"
)


def test_a_probe_s_header_is_looked_up_and_makes_no_release_of_its_own(tmp_path: Path, done: list[str]) -> None:
    made = environment(tmp_path, ALLOWED + HEADERS.format(name="PROBE"))
    found = [resolve(made, REGISTRY, tmp_path, {"KEY": "xyz", "PROBE": value}) for value in ("one", "three")]
    assert [one.told(made.probes["up"].options.headers)["X-Key"] for one in found] == ["one", "three"]
    assert [reference for reference, _ in found[0].versions] == ["drawer:KEY"]
    assert found[0].digest == found[1].digest
    done.clear()
    alone = resolve_headers(made, REGISTRY, tmp_path, {"PROBE": "one"})
    assert (alone.values, alone.versions, done) == ({"drawer:PROBE": "one"}, (), ["opened left", "PROBE", "closed"])


def test_a_header_s_secret_lies_on_no_host_so_nobody_is_asked_how(tmp_path: Path) -> None:
    more = HEADERS.format(name="PROBE").replace("drawer:KEY", "plain")
    assert looked_up(tmp_path, more, {"PROBE": "one"}).digest == ""


@pytest.mark.parametrize("value", ["hunter2\r\nX-More: 1", "hunter2\n", " hunter2", "hünter2", "hunter2\0"])
def test_a_value_that_is_no_header_is_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(RefusedError, match=r"^probes\.up\.headers\.X-Key: .* cannot be sent as a header") as told:
        looked_up(tmp_path, ALLOWED + HEADERS.format(name="PROBE"), {"KEY": "xyz", "PROBE": value})
    assert "nter2" not in str(told.value)
