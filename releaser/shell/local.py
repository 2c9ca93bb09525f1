"""How do verbs run on this machine? As on any other host: the packed agent, in a process of its own."""

import os
import py_compile
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import NamedTemporaryFile, mkdtemp
from time import monotonic
from typing import Any

from releaser.errors import UnknownError, UnreachableError
from releaser.shell.base import decode, request_bytes
from releaser.shell.scripts import agent_argv, agent_files, agent_name

__all__ = ["LocalShell"]

CHUNK = 1 << 20


class LocalShell:
    """The machine that we are on, as a host; the agent lies in root/agent/agent-<digest>/. May be used from several threads."""

    def __init__(self, root: Path, name: str = "localhost") -> None:
        self.name = name
        self.root = root
        self._placing = threading.Lock()
        self._agent: Path | None = None

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        try:
            argv = agent_argv(sys.executable, str(self._placed()), verb)
            process = Popen(argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd="/", start_new_session=True)
        except OSError as error:
            raise UnreachableError(
                f"the agent cannot be started on this machine: {error}; {self.root} must be writable and not full",
                code="agent-start",
            ) from error
        with process:
            try:
                stdout, stderr = process.communicate(request_bytes(request, within), timeout=within)
            except TimeoutExpired as error:
                raise UnknownError(
                    f"{verb} on {self.name} gave no answer within {within:g} s and was ended, so what it did is not known; "
                    "read back before trying again",
                    code="time-out",
                ) from error
            finally:
                _end(process)
        return decode(verb, self.name, status=process.returncode, stdout=stdout, stderr=stderr)

    def put(self, local: Path, remote: str, *, within: float) -> None:
        until = monotonic() + within
        try:
            with local.open("rb") as source:
                _write(source, Path(remote), until)
        except OSError as error:
            raise UnreachableError(f"{local} was not copied to {remote}: {error}", code="copy") from error

    def _placed(self) -> Path:
        with self._placing:
            if self._agent is None or not self._agent.exists():
                self._agent = _place(self.root / "agent" / agent_name())
            return self._agent


def _place(agent: Path) -> Path:
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
    return agent


def _lay_out(agent: Path) -> None:
    """Every file as it has to be; what is right already is left alone."""
    for name, content in agent_files().items():
        path = agent / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(BytesIO(content), path, monotonic() + 30)


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


def _write(source: Any, path: Path, until: float) -> None:
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


def _end(process: "Popen[bytes]") -> None:
    """Kill the whole group where the verb is still running; what it left behind on purpose has a session of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
