"""How do verbs run on a host that is reached by SSH? As on this machine: the packed agent, one request, one answer.

A connection can be lost at any moment, so each call leaves a record on the host (onhost/call.py): what became of it is asked
over the next connection, and its time is limited there, where no lost connection hides it.
"""

import json
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from releaser.errors import FailedError, UnknownError, UnreachableError
from releaser.shell.base import decode, meant
from releaser.shell.ssh.channel import Ran, run
from releaser.shell.ssh.connect import Link
from releaser.shell.ssh.destination import Destination
from releaser.shell.ssh.placing import Account, Place, last_line, placed
from releaser.shell.ssh.pool import Connections
from releaser.shell.ssh.scripts import agent_command
from releaser.shell.ssh.upload import Progress, Upload, upload

__all__ = ["SshShell"]

AGAIN = 0.25
"""Seconds between two tries to hear what became of a call."""
MARGIN = 0.1
"""The part of a call's time that is left for its answer to come back, once the host has ended it."""
NOT_THERE = (b"can't open file", b"can't find '__main__'")
"""What Python says of an agent that is gone: nothing was run."""


def _unseen(_host: str, _sent: int, _size: int) -> None:
    """Nobody watches the upload."""


class SshShell:
    """One host; the agent lies in root/agent/agent-<digest>/ there. May be used from several threads.

    `root` is absolute, or below ~/ of whoever does the work there: the user who logs in, or `sudo`, if one is named.
    """

    def __init__(
        self,
        to: Destination,
        root: str,
        connections: Connections,
        *,
        name: str = "",
        python: str = "python3",
        sudo: str | None = None,
        progress: Progress = _unseen,
    ) -> None:
        self.name = name or to.host
        self.to = to
        self.root = root
        self.python = python
        self.sudo = sudo
        self.connections = connections
        self._progress = progress
        self._placing = threading.Lock()
        self._place: Place | None = None

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        until = monotonic() + within
        for _ in range(2):
            connection, place = self._ready(until)
            order = self._order(place, verb, request, until)
            ran = self._run(connection, self._agent(place, "call"), json.dumps(order).encode(), until)
            if not _gone(ran):
                break
            self._place = None  # somebody removed the agent since: nothing was run
        if ran.status is None:
            told = self._what_became(place, str(order["id"]), until)
        else:
            told = self._decoded(verb, ran.status, ran)
        return self._answer(verb, told, ran, within)

    def put(self, local: Path, remote: str, *, within: float) -> None:
        until = monotonic() + within
        try:
            size = local.stat().st_size
        except OSError as error:
            raise UnreachableError(f"{local} was not copied to {remote}: {error}", code="copy") from error
        if monotonic() >= until:
            raise UnreachableError(f"{local} was not copied to {remote}: it took too long", code="copy")
        connection = self.connections.get(self.to, until=until)
        what = Upload(local, remote, size, self.python, self.sudo)
        upload(connection, what, self.connections.deadlines, self._progress, until=until)

    def _order(self, place: Place, verb: str, request: Mapping[str, Any], until: float) -> dict[str, Any]:
        limit = (1 - MARGIN) * max(0.0, until - monotonic())
        order = {"calls": place.calls, "id": secrets.token_hex(12), "verb": verb, "limit": limit}
        return order | {"request": {**request, "within": limit}}

    def _what_became(self, place: Place, call: str, until: float) -> dict[str, Any]:
        """Asked until somebody says, or until the time is over."""
        while monotonic() < until:
            left = until - monotonic()
            order = {"calls": place.calls, "id": call, "limit": (1 - MARGIN) * left}
            try:
                connection = self.connections.get(self.to, until=until)
                asked = self._run(connection, self._agent(place, "call.ask"), json.dumps(order).encode(), until)
                if asked.status is not None:
                    return self._decoded("call.ask", asked.status, asked)
            except UnreachableError:
                sleep(min(AGAIN, max(0.0, until - monotonic())))
            except FailedError:  # it does not let us in any more: nobody can say
                break
        return {"state": "silent"}

    def _answer(self, verb: str, told: Mapping[str, Any], ran: Ran, within: float) -> dict[str, Any]:
        match told["state"]:
            case "done":
                return meant(self.name, told["answer"])
            case "broke":
                return decode(verb, self.name, status=1, stdout=b"", stderr=ran.stderr)
            case "void":
                raise UnreachableError(f"the connection to {self.name} was lost before {verb} began", code="lost")
            case "ended" | "running":
                raise UnknownError(
                    f"{verb} on {self.name} gave no answer within {within:g} s and was ended, so what it did is not known; "
                    "read back before trying again",
                    code="time-out",
                )
            case _:
                raise UnknownError(
                    f"the connection to {self.name} was lost during {verb}, and what became of it could not be heard; "
                    "read back before trying again",
                    code="lost",
                )

    def _ready(self, until: float) -> tuple[Link, Place]:
        connection = self.connections.get(self.to, until=until)
        place = self._place
        if place is None:
            if not self._placing.acquire(timeout=max(0.0, until - monotonic())):
                raise UnreachableError(f"{self.name}: the agent was not placed in time, nothing was run", code="turn")
            try:
                account = Account(self.name, self.to.user, self.root, self.python, self.sudo)
                place = self._place = self._place or placed(
                    connection, account, self.connections.deadlines, until=until
                )
            finally:
                self._placing.release()
        return connection, place

    def _decoded(self, verb: str, status: int, ran: Ran) -> dict[str, Any]:
        return decode(verb, self.name, status=status, stdout=last_line(ran.stdout), stderr=ran.stderr)

    def _agent(self, place: Place, verb: str) -> str:
        return agent_command(self.python, place.agent, verb, sudo=self.sudo)

    def _run(self, connection: Link, command: str, stdin: bytes, until: float) -> Ran:
        return run(connection, command, stdin, self.connections.deadlines, until=until)


def _gone(ran: Ran) -> bool:
    return ran.status == 2 and not ran.stdout and any(words in ran.stderr for words in NOT_THERE)
