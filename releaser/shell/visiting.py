"""How is a host asked something so that nothing of us stays there, not even the agent? For whoever only examines it.

The agent's sources go along on stdin and are run from memory: it works on a full disk, on one that may only be read, and
before anything was ever set up there. A visit takes a tenth of a second more than a verb of the agent that is in place.
"""

import json
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from subprocess import PIPE, Popen, TimeoutExpired
from time import time
from typing import Any, NoReturn

from releaser.errors import UnknownError, UnreachableError
from releaser.shell.base import decode
from releaser.shell.scripts import agent_files

__all__ = ["LocalVisitor", "Span", "no_copies", "no_time", "visit_argv", "visit_bytes"]

Span = tuple[float, float]
"""This machine's wall clock before the question and after the answer, in seconds: what a host's clock is compared with."""


class LocalVisitor:
    """The machine that we are on, as a Shell that leaves nothing on it. May be used from several threads."""

    def __init__(self, name: str = "localhost") -> None:
        self.name = name
        self.span: Span | None = None

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        """As a Shell; only for verbs that change nothing."""
        began = time()
        try:
            process = Popen(visit_argv(sys.executable), stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd="/")
        except OSError as error:
            raise UnreachableError(f"no process can be started on this machine: {error}", code="agent-start") from error
        with process:
            try:
                stdout, stderr = process.communicate(visit_bytes(verb, request, within), timeout=within)
            except TimeoutExpired as error:
                process.kill()
                raise no_time(verb, self.name, within) from error
        self.span = (began, time())
        return decode(verb, self.name, status=process.returncode, stdout=stdout, stderr=stderr)

    def put(self, *_: Any, **__: Any) -> NoReturn:
        raise no_copies(self.name)


def visit_argv(python: str) -> list[str]:
    """Nothing variable but the Python: nothing to quote, nothing to hide from ps."""
    return [python, "-I", "-S", "-c", _script()]


def visit_bytes(verb: str, request: Mapping[str, Any], limit: float) -> bytes:
    """What the script reads on stdin; after `limit` seconds it ends itself."""
    order = {"verb": verb, "limit": max(0.01, limit), "request": {**request, "within": limit}}
    return json.dumps(order).encode() + b"\n" + _sources()


def no_time(verb: str, host: str, within: float) -> UnknownError:
    return UnknownError(f"{verb} on {host} gave no answer within {within:.0f} s; it changes nothing", code="time-out")


def no_copies(host: str) -> AssertionError:
    return AssertionError(f"somebody who only examines {host} was to copy a file there")


@cache
def _script() -> str:
    return files("releaser.shell").joinpath("visit_script.py").read_text(encoding="utf-8")


@cache
def _sources() -> bytes:
    return zlib.compress(json.dumps({name: text.decode() for name, text in agent_files().items()}).encode(), 9)
