"""Is the agent in its place on this host, and whole? Run by itself as `python3 -c`, before there is an agent: Python 3.7.

ROOT NAME DIGEST [new]: prints {"agent", "calls", "whole", "why", "python"}, the paths absolute. With `new` the agent's zip
comes on stdin, and appears in its place whole, compiled and on the disk.
"""

import hashlib
import json
import os
import sys
from pathlib import Path


def digest(agent: Path) -> str:
    """Over its sources, sorted; what Python compiled of them does not count."""
    found = hashlib.sha256()
    for path in sorted(agent.glob("**/*.py")):
        found.update(path.relative_to(agent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def place(agent: Path, packed: bytes) -> None:
    """Whole or not at all; one that was damaged is moved out of the way first."""
    import compileall
    import io
    import shutil
    import tempfile
    import zipfile

    home = agent.parent
    home.parent.parent.mkdir(parents=True, exist_ok=True)
    for private in (home.parent, home):
        private.mkdir(mode=0o700, exist_ok=True)
        private.chmod(0o700)  # also where somebody else made it
    fresh = Path(tempfile.mkdtemp(dir=str(home), prefix=f".{agent.name}."))
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(str(fresh))
        compileall.compile_dir(str(fresh), quiet=2)
        for path in [*fresh.glob("**/*"), fresh]:
            sync(path)
        if agent.exists():
            agent.rename(fresh.with_name(fresh.name + ".old"))
        fresh.rename(agent)
        sync(home)
    except OSError:
        if not agent.exists():  # otherwise another one was quicker
            raise
    finally:
        for left in (fresh, fresh.with_name(fresh.name + ".old")):
            shutil.rmtree(str(left), ignore_errors=True)


def sync(path: Path) -> None:
    descriptor = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(root: str, name: str, wanted: str, new: str = "") -> None:
    home = Path(os.path.abspath(Path(root).expanduser()))  # noqa: PTH100 - resolve() would follow links, and a path stays as it is named
    agent, why = home / "agent" / name, ""
    try:
        if new:
            place(agent, sys.stdin.buffer.read())
        whole = digest(agent) == wanted
    except OSError as error:
        whole, why = False, str(error)
    told = {"agent": str(agent), "calls": str(home / "calls"), "whole": whole, "why": why}
    json.dump(dict(told, python=list(sys.version_info[:2])), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
