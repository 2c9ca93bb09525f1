"""What is a shell to the rest of releaser, and what does an agent's answer mean?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from releaser.errors import (
    FailedError,
    FencedError,
    HeldError,
    RefusedError,
    ReleaserError,
    UnknownError,
    UsageError,
)

__all__ = ["Shell", "decode", "meant", "request_bytes"]

KINDS: Mapping[str, type[ReleaserError]] = {
    "failed": FailedError,
    "fenced": FencedError,
    "held": HeldError,
    "refused": RefusedError,
    "usage": UsageError,
}


class Shell(Protocol):
    """One host, reached in one way."""

    @property
    def name(self) -> str:
        """The host's name, for people."""
        ...

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        """Run one verb of the agent. The verb's own doc says whether it is safe to repeat.

        Raises FailedError, FencedError, HeldError, RefusedError or UsageError as the agent says, UnreachableError where
        nothing was sent, and UnknownError where no answer came in time (the agent was killed, its outcome is not known).
        """
        ...

    def put(self, local: Path, remote: str, *, within: float) -> None:
        """Copy a file to an absolute path, mode 0600, renamed into place when it is whole. Safe to repeat."""
        ...


def request_bytes(request: Mapping[str, Any], within: float) -> bytes:
    """What an agent reads on stdin: the request, and the seconds in which it has to answer."""
    return json.dumps({**request, "within": within}).encode()


def decode(verb: str, host: str, *, status: int, stdout: bytes, stderr: bytes) -> dict[str, Any]:
    """An agent's answer as data, or raised as the error that it names."""
    try:
        answer = json.loads(stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not answer.keys() & {"ok", "error"}:
        last = stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise UnknownError(
            f"the agent on {host} broke off in {verb} (exit status {status}{': ' + last if last else ''}), "
            "so what it did is not known; read back before trying again",
            code="agent-broke",
        )
    return meant(host, answer)


def meant(host: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in one answer {"ok"} or {"error"}; raises the error that it names."""
    if "ok" in answer:
        return dict(answer["ok"])
    error = answer["error"]
    raise KINDS[error["kind"]](f"{host}: {error['message']}", fix=tuple(error["fix"]), code=error["code"])
