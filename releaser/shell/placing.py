"""How does the agent get onto this machine, and any file into its place? Whole or not at all, and on the disk."""

import os
import py_compile
import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from time import monotonic
from typing import Any

from releaser.shell.scripts import agent_files

__all__ = ["place", "write"]

CHUNK = 1 << 20


def place(agent: Path) -> None:
    """A new agent appears whole, compiled and on the disk; one that was damaged is mended file by file."""
    if not agent.exists():
        agent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = Path(mkdtemp(dir=agent.parent, prefix=f".{agent.name}."))
        try:
            _lay_out(fresh)
            _compile(fresh)
            fresh.rename(agent)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            if not agent.exists():  # otherwise another process was quicker
                raise
    _lay_out(agent)


def _lay_out(agent: Path) -> None:
    """Every file as it has to be; what is right already is left alone."""
    for name, content in agent_files().items():
        path = agent / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(BytesIO(content), path, monotonic() + 30)


def _compile(agent: Path) -> None:
    """For the Python that runs us, and synced, because a half-written cache would stop the guard after a power cut.

    Another Python finds a cache of its own name, or none and makes it. The place is where `python -I` looks for it, whatever
    PYTHONPYCACHEPREFIX says to us.
    """
    for source in agent.glob("releaser/**/*.py"):
        cached = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(str(source), str(cached), doraise=True)
        with cached.open("rb") as compiled:
            os.fsync(compiled.fileno())


def write(source: Any, path: Path, until: float) -> None:
    """Raises TimeoutError (an OSError) with nothing left at `path`."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as copy:
        try:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                if monotonic() > until:
                    raise TimeoutError("it took too long")
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
            Path(copy.name).replace(path)
        except OSError:
            Path(copy.name).unlink()
            raise
