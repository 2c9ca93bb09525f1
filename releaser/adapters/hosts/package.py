"""Which one file goes to the hosts for this release? Packed at most once, and only if a host needs it."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from releaser.adapters.hosts.artifact import Artifact, pack
from releaser.core.values import Release
from releaser.errors import ConfigError, FailedError
from releaser.onhost import tree

__all__ = ["Package", "Packed"]


@dataclass(frozen=True, slots=True)
class Packed:
    """The file, its own sha256, and what it holds: "tar" (the artifact itself) or "dir" (a directory, packed by us)."""

    file: Path
    digest: str
    kind: str


class Package:
    """May be used by several threads."""

    def __init__(self, artifact: Artifact | None, release: Release, folder: Path) -> None:
        self.release = release
        self._artifact = artifact
        self._folder = folder
        self._lock = Lock()
        self._packed: Packed | None = None

    def size(self) -> int:
        """Bytes of the upload, near enough to look for room."""
        if self._artifact is None or not self._artifact.path.exists():
            return 0
        path = self._artifact.path
        if self._artifact.kind == "tar":
            return path.stat().st_size
        return sum(file.stat().st_size + 1024 for file in path.rglob("*") if file.is_file())

    def packed(self) -> Packed:
        """Raises FailedError where the artifact at hand is not this release's."""
        with self._lock:
            if self._packed is None:
                self._packed = self._pack()
            return self._packed

    def _pack(self) -> Packed:
        artifact = self._artifact
        if artifact is None or artifact.digest != self.release.artifact:
            raise FailedError(
                f"{self.release.id} is not placed, and its artifact (sha256 {self.release.artifact[:12]}...) is not at hand",
                fix=(f"build {self.release.version} again as it was, and promote it",),
                code="artifact-missing",
            )
        try:
            file = pack(artifact, self._folder)
            return Packed(file, tree.file_digest(file), artifact.kind)
        except ConfigError as error:  # it was fine when the plan was made
            raise FailedError(error.message, fix=error.fix, code=error.code) from None
        except OSError as error:
            raise FailedError(
                f"the artifact {artifact.path} cannot be read any more: {error}", code="artifact-missing"
            ) from None
