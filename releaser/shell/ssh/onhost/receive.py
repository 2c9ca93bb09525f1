"""How does stdin become a file? Run by itself as `python3 -c`: TARGET SIZE SHA256. Python 3.7.

The target appears whole, on the disk, mode 0600, or not at all: exit status 3 with one sentence on stderr.
"""

import hashlib
import os
import sys
from pathlib import Path

CHUNK = 1 << 20


def write(part: Path, size: int, wanted: str) -> None:
    """What comes on stdin. Raises OSError where it is not what was sent."""
    found, length = hashlib.sha256(), 0
    os.umask(0o077)
    with part.open("xb") as copy:
        for chunk in iter(lambda: sys.stdin.buffer.read(CHUNK), b""):
            copy.write(chunk)
            found.update(chunk)
            length += len(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if (length, found.hexdigest()) != (size, wanted):
        raise OSError(f"{length} bytes of {size} arrived, or other ones than were sent")


def main(target: str, size: str, wanted: str) -> int:
    whole = Path(target)
    part = whole.with_name(f".{whole.name}.{os.getpid()}.part")
    try:
        write(part, int(size), wanted)
        part.replace(whole)
    except OSError as error:
        if part.exists():
            part.unlink()
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
