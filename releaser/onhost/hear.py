"""How long did the requests take that a router tells of by syslog datagrams? One small process hears and counts them.

Whoever looks asks it through the same port, so everything that the router sent before is counted before it answers; its
answer is a file beside the others, since a fleet's does not fit into a datagram. A release's first look starts it; it ends a
minute after the last one, or with its directory. What it misses is told with the times, and never touches the counters.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from releaser.onhost import detach, files, lock, tally
from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

ASKED = b"?releaser "
"""How a question begins; after it any word, which the answer repeats."""
IDLE = 60.0
TICK = 1.0
ROOM = 4 << 20
"""Bytes that may wait while this process does not get its turn: some ten thousand lines."""
LARGEST = 8192
PATIENCE = 0.5
"""Seconds for an answer; the counters are asked for every second, and must not wait for the times."""
AGAIN = 0.1
TURN = 0.01
PAUSE = 10.0
"""Seconds between two attempts to start it: a port that a stranger holds is not tried every second."""
OVERFLOW = getattr(socket, "SO_RXQ_OVFL", 40)
"""Linux: with each datagram comes how many were dropped so far because nobody fetched them. Python does not name it."""


def heard(operation: dict[str, Any], until: float) -> str:
    """{address, kept, edges, site} -> {"lines": {line: number}, "lost": number} as JSON; {"trouble": why} where nobody hears.

    Never raises Refusal, and starts nothing where the ledger of `site` names no release under way.
    """
    address, kept = str(operation["address"]), Path(operation["kept"])
    until = min(until, time.monotonic() + PATIENCE)
    try:
        while not _answered(address, until):
            if not _released(operation.get("site")):
                return json.dumps({"trouble": "no release is under way: the router's log is not heard"})
            _ensure(address, kept, operation["edges"])
            if time.monotonic() > until:
                return json.dumps({"trouble": f"nothing hears the router's log at {address}; see {_log(kept)}"})
        return kept.read_text()
    except (OSError, Refusal) as error:
        return json.dumps({"trouble": f"the router's log cannot be heard at {address}: {error}"})


def listen(request: dict[str, Any]) -> dict[str, Any]:
    """{address, kept, edges, idle}: the detached process itself. {ended: why}"""
    kept, until = Path(request["kept"]), time.monotonic() + PATIENCE
    while lock.claim(_lock(kept)) is None:  # whoever starts one looks there too, for a moment
        if time.monotonic() > until:
            return {"ended": "another one hears"}
        time.sleep(TURN)
    host, _, port = str(request["address"]).rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearing:
        try:
            hearing.bind((host, int(port)))
        except OSError as error:
            sys.stderr.write(f"{request['address']}: {error}\n")
            return {"ended": str(error)}
        hearing.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        hearing.setsockopt(socket.SOL_SOCKET, OVERFLOW, 1)
        hearing.settimeout(TICK)
        return {"ended": Heard(kept, request["edges"]).hear(hearing, float(request.get("idle", IDLE)))}


class Heard:
    """What was heard since the file was begun. A gap between two listeners counts as one lost line: who knows how many."""

    def __init__(self, kept: Path, edges: list[float]) -> None:
        known = files.read_json(kept)
        self.kept = kept
        self.edges = edges
        self.lines: dict[str, int] = known["lines"] if known else {}
        self.lost: int = known["lost"] + 1 if known else 0
        self.dropped = 0

    def hear(self, hearing: socket.socket, idle: float) -> str:
        """Until nobody has looked for `idle` seconds."""
        asked = now = time.monotonic()
        while now - asked < idle:
            try:
                data, told, _, sender = hearing.recvmsg(LARGEST, 64)
            except socket.timeout:  # noqa: UP041 - two errors before Python 3.10
                if not self.kept.parent.is_dir():
                    return "its directory is gone"
            else:
                self._note_drops(told)
                if data.startswith(ASKED):
                    asked = time.monotonic()
                    self._keep()
                    hearing.sendto(data, sender)
                else:
                    self._count(data)
            now = time.monotonic()
        self._keep()
        return "nobody looks"

    def _count(self, data: bytes) -> None:
        for line in data.decode(errors="replace").splitlines():
            tally.add(line, self.lines, self.edges)

    def _note_drops(self, told: list[Any]) -> None:
        for level, kind, value in told:
            if (level, kind) == (socket.SOL_SOCKET, OVERFLOW):
                dropped = int.from_bytes(value[:4], sys.byteorder)
                self.lost += (dropped - self.dropped) % (1 << 32)
                self.dropped = dropped

    def _keep(self) -> None:
        """On a full disk the file stays as it was, and the times stand still; the counters do not come from here."""
        try:
            tally.keep(self.kept, {"lines": self.lines, "lost": self.lost})
        except OSError as error:
            sys.stderr.write(f"{error}\n")


def _released(site: str | None) -> bool:
    """Who only looks, as a plan does, starts nothing. Without a site there is nobody to ask."""
    if site is None:
        return True
    known = files.read_json(Path(site) / "ledger.json")
    return bool(known and known.get("holder"))


def _answered(address: str, until: float) -> bool:
    host, _, port = address.rpartition(":")
    question = ASKED + b"%d.%d" % (os.getpid(), time.monotonic_ns())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((host, int(port)))
        asking.settimeout(max(0.01, min(AGAIN, until - time.monotonic())))
        try:
            asking.send(question)
            return asking.recv(LARGEST) == question
        except (socket.timeout, ConnectionRefusedError):  # noqa: UP041 - as above
            return False


def _ensure(address: str, kept: Path, edges: list[float]) -> None:
    """Start it where there is none. Two who start it at once start one: the other ends by itself."""
    log = _log(kept)
    if log.exists() and time.time() - log.stat().st_mtime < PAUSE:
        time.sleep(TURN)
        return
    claimed = lock.claim(_lock(kept))
    if claimed is not None:
        os.close(claimed)
        log.write_text("")
        detach.start("listen", {"address": address, "kept": str(kept), "edges": edges}, log)


def _lock(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.lock")


def _log(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.log")
