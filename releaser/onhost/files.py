"""How is a file written so that it is whole, old or new, after a power cut, and also when the disk is full?"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

SPARE = ".releaser-spare"
SPARE_SIZES = (131072, 65536, 32768, 16384, 8192, 4096)
FULL = (errno.ENOSPC, errno.EDQUOT)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Temporary file, fsync, rename, fsync of the directory. On a full disk the blocks of the reserve are used."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    spent = False
    try:
        try:
            _write(temporary, data, mode)
        except OSError as error:
            spent = error.errno in FULL and _take_reserve(temporary)
            if not spent:
                raise
            _write(temporary, data, mode)
        temporary.replace(path)
    except OSError:
        if temporary.exists():
            temporary.unlink()
        raise
    sync(path.parent)
    if spent:
        reserve(path.parent)


def reserve(directory: Path) -> None:
    """Keep some blocks in `directory` for a write on a full disk: the way back must not need free room.

    As much as there is, from 128 KiB down to one block; nothing where not even that is left.
    """
    spare = directory / SPARE
    if spare.exists():
        return
    for size in SPARE_SIZES:
        try:
            with spare.open("wb") as room:
                os.posix_fallocate(room.fileno(), 0, size)
        except OSError as error:
            if spare.exists():
                spare.unlink()
            if error.errno not in FULL:
                raise
        else:
            return


def rename(source: Path, target: Path) -> bool:
    """Move a file that exists once, durably. False: somebody else moved it first."""
    try:
        source.rename(target)
    except FileNotFoundError:
        return False
    sync(target.parent)
    return True


def sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, document: dict[str, Any]) -> None:
    replace(path, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The document, or None where there is no such file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refusal(
            "refused",
            f"{path} is not a JSON document any more: it was changed by something other than releaser",
            "corrupt",
            ("restore the file from a backup, or move it away and run: releaser adopt",),
        )
    return document


def _write(path: Path, data: bytes, mode: int) -> None:
    """Into the blocks that the file already has, if it has any."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor, for its flags
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        file.truncate(len(data))
        os.fchmod(descriptor, mode)  # the umask does not decide
        os.fsync(descriptor)


def _take_reserve(path: Path) -> bool:
    return rename(path.with_name(SPARE), path)
