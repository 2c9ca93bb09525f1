"""How do verbs run on this machine? As on any other host: the packed agent, in a process of its own."""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from time import monotonic
from typing import Any

from releaser.errors import UnknownError, UnreachableError
from releaser.shell.base import decode, request_bytes
from releaser.shell.scripts import agent_argv, agent_files, agent_name

__all__ = ["LocalShell"]


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
            from releaser.shell.placing import write

            with local.open("rb") as source:
                write(source, Path(remote), until)
        except OSError as error:
            raise UnreachableError(f"{local} was not copied to {remote}: {error}", code="copy") from error

    def _placed(self) -> Path:
        with self._placing:
            if self._agent is None or not self._agent.exists():
                self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.root.chmod(0o700)  # also where an earlier version, or somebody else, made it
                agent = self.root / "agent" / agent_name()
                if not _whole(agent):  # mostly it is, and what it takes to place one takes long to import
                    from releaser.shell.placing import place

                    place(agent)
                self._agent = agent
            return self._agent


def _whole(agent: Path) -> bool:
    try:
        return all((agent / name).read_bytes() == content for name, content in agent_files().items())
    except FileNotFoundError:
        return False


def _end(process: "Popen[bytes]") -> None:
    """Kill the whole group where the verb is still running; what it left behind on purpose has a session of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
