import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from releaser.adapters.hosts.artifact import artifact_at, pack
from releaser.errors import ConfigError
from releaser.onhost.extract import Limits, extract
from releaser.onhost.tree import digest


def directory(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "shop").write_bytes(b"#!/bin/sh\n")
    (root / "bin" / "shop").chmod(0o755)
    (root / "empty").mkdir()
    (root / ("long/" * 40)).mkdir(parents=True)
    (root / ("long/" * 40) / "ü.txt").write_bytes(b"deep")
    return root


def test_an_archive_is_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "shop.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        archive.add(directory(tmp_path / "in"), "shop")
    artifact = artifact_at(file)
    assert (artifact.kind, artifact.digest) == ("tar", sha256(file.read_bytes()).hexdigest())
    assert pack(artifact, tmp_path) == file


def test_a_directory_packs_to_the_same_bytes_and_unpacks_to_the_same_digest(tmp_path: Path) -> None:
    first = artifact_at(directory(tmp_path / "one"))
    second = artifact_at(directory(tmp_path / "two"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "out").mkdir()
    packed = pack(first, tmp_path / "a")
    assert first.digest == second.digest
    assert packed.read_bytes() == pack(second, tmp_path / "b").read_bytes()
    assert digest(extract(packed, tmp_path / "out", Limits())[1]) == first.digest


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no file"),
        (lambda path: path.write_bytes(b"PK\x03\x04"), "neither a directory nor a tar archive"),
        (lambda path: path.symlink_to("/nowhere"), "does not exist"),
        (lambda path: (path.mkdir(), (path / "x").symlink_to("/etc/passwd")), "x is a link that leads out"),
    ],
)
def test_bad_artifacts_are_configuration_errors_with_a_remedy(tmp_path: Path, make: object, says: str) -> None:
    make(tmp_path / "artifact")  # type: ignore[operator]  # a lambda of the table above
    with pytest.raises(ConfigError, match=says) as caught:
        artifact_at(tmp_path / "artifact")
    assert caught.value.fix
