"""A disk for the journal that can be filled to its last byte: a small tmpfs where this user may mount, and a limit on file sizes anywhere."""

import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from releaser.cli.demo_stage import clear

SIZE = 4 << 20


class Tmpfs:
    """A file system of its own; full when not one more byte goes in."""

    def __init__(self, path: Path) -> None:
        self.filler = path / "filler"

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            for size in (1 << 16, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)


@dataclass
class Limit:
    """No file of this process grows beyond the size that the journal has now: writes fail as on a disk that is full."""

    journal: Path

    def fill(self) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.journal.stat().st_size, hard))

    def free(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def may_mount() -> bool:
    with TemporaryDirectory() as directory:
        if subprocess.run(mount(directory), capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", directory], check=True)
        return True


def mount(directory: str, size: int = SIZE) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory]


@contextmanager
def disk(kind: str, state: Path, size: int = SIZE) -> Iterator[Tmpfs | Limit]:
    """The new directory `state` on such a disk of `size` bytes. Nothing is left mounted."""
    state.mkdir()
    if kind == "limit":
        limit = Limit(state / "journal.db")
        try:
            yield limit
        finally:
            limit.free()
        return
    subprocess.run(mount(str(state), size), check=True)
    try:
        yield Tmpfs(state)
    finally:
        clear(state)  # what runs from there cannot be found by its path any more once it is unmounted
        subprocess.run(["umount", "--lazy", str(state)], check=True)
