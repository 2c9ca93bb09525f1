"""What is this artifact's digest, and which file goes to the hosts?

An artifact is a tar archive (plain, gzip, bzip2 or xz), identified by the sha256 of its bytes, or a directory,
identified by the digest of its tree (`releaser.onhost.tree` has the exact form). A directory travels as a tar of its
own, which has the same bytes every time: sorted, no owners, no times.
"""

import os
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from releaser.errors import ConfigError
from releaser.onhost import tree

__all__ = ["Artifact", "artifact_at", "pack"]

MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
USTAR = slice(257, 262)


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where it lies, what it is, and its digest: 64 hex digits."""

    path: Path
    kind: Literal["dir", "tar"]
    digest: str


def artifact_at(path: Path) -> Artifact:
    """Read all of it. Raises ConfigError for what is missing, unreadable or cannot be a release."""
    try:
        if path.is_dir():
            return Artifact(path, "dir", tree.digest(_entries(path)))
        if not path.is_file():
            raise ConfigError(
                f"the artifact {path} does not exist", fix=("build it", "correct `artifact`"), code="artifact-missing"
            )
        _expect_tar(path)
        return Artifact(path, "tar", tree.file_digest(path))
    except OSError as error:
        raise _unreadable(path, error) from None


def pack(artifact: Artifact, into: Path) -> Path:
    """The one file that goes to the hosts: the archive itself, or the directory packed below the directory `into`."""
    if artifact.kind == "tar":
        return artifact.path
    packed = into / f"{artifact.digest[:16]}.tar"
    try:
        with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as archive:
            for entry in sorted(_entries(artifact.path), key=lambda entry: entry.path.encode()):
                _add(archive, artifact.path, entry)
    except OSError as error:
        raise _unreadable(artifact.path, error) from None
    return packed


def _add(archive: tarfile.TarFile, root: Path, entry: tree.Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = 0o644 | entry.mode
    if entry.kind == "d":
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
        return
    with (root / entry.path).open("rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        archive.addfile(info, file if info.size else BytesIO())


def _entries(root: Path) -> list[tree.Entry]:
    try:
        found = tree.entries(root, links=True)
    except tree.TreeError as error:
        raise ConfigError(
            f"the artifact {root} cannot be placed: {error}",
            fix=(f"build the artifact without {error.path}, or with a copy in its place",),
            code="artifact-unsafe",
        ) from None
    if not any(entry.kind == "f" for entry in found):
        raise ConfigError(f"the artifact {root} holds no file", fix=("build it first",), code="artifact-empty")
    return found


def _expect_tar(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(512)
    if not start.startswith(MAGIC) and start[USTAR] != b"ustar":
        raise ConfigError(
            f"the artifact {path} is neither a directory nor a tar archive (.tar, .tar.gz, .tar.bz2, .tar.xz)",
            fix=("pack it with tar, or name a directory",),
            code="artifact-kind",
        )


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the artifact {path} cannot be read: {error.strerror or error} ({error.filename or path})",
        fix=("give yourself the right to read it, or correct `artifact`",),
        code="artifact-unreadable",
    )
