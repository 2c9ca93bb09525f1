"""What would an application do, good or bad? One file, standard library only: the demo's, the tests' and the bench's.

    python3 app.py --port 8001 --version 1.4.2 --error-rate 0.002 --fault errors:0.05 --log app.log

Every answer carries the version (header x-version, and in the body). GET /healthz answers 200 whatever the fault is, save
`flap`: a bad version is to be noticed by its users' requests. GET /slow/2.5 takes 2.5 s; an upgrade to a websocket is answered,
and its text messages are echoed. The log has one line a request: ID STATUS VERSION, with "-" for a request that is never
answered. SIGTERM drains: no new connections, answers say "connection: close", websockets are closed, then the end.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import random
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

__all__ = ["Answer", "Fault", "answer", "logged", "main", "parse_fault"]

FAULTS = ("none", "errors", "outage", "hang", "reset", "slow", "flap")
FLAP = 2.0
"""Seconds well, then as many ill."""
DRAIN = 3.0
"""Longest time between SIGTERM and the end; routers close connections that idle for less than that."""
LARGEST_HEAD = 65536
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What RFC 6455 adds to a client's key."""
TEXT, CLOSE = 0x81, 0x88
"""The first byte of a whole text message and of the last frame."""
GOING_AWAY = bytes((CLOSE, 2)) + (1001).to_bytes(2, "big")
REASONS = {200: "OK", 400: "Bad Request", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is one of FAULTS; `value` the rate of errors, or the seconds of slow."""

    kind: str = "none"
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: the connection is reset instead; `after` None: no answer ever comes."""

    status: int | None = 200
    after: float | None = 0.0


def parse_fault(text: str) -> Fault:
    """One of FAULTS, two of them with a value: "errors:0.05", "slow:0.3". Raises ValueError."""
    kind, _, value = text.partition(":")
    if kind not in FAULTS or (kind in {"errors", "slow"}) != bool(value):
        raise ValueError(f"{text!r} is not a fault: use none, errors:0.05, outage, hang, reset, slow:0.3 or flap")
    return Fault(kind, float(value or 0))


def answer(fault: Fault, error_rate: float, chance: float, uptime: float) -> Answer:
    """What a user's request gets; `chance` is uniform in [0, 1), `uptime` in seconds."""
    if fault.kind == "hang":
        return Answer(after=None)
    if fault.kind == "reset":
        return Answer(status=None)
    if fault.kind == "flap" and ill(uptime):
        return Answer(503)
    rate = {"outage": 1.0, "errors": fault.value}.get(fault.kind, error_rate)
    return Answer(500 if chance < rate else 200, fault.value if fault.kind == "slow" else 0.0)


def ill(uptime: float) -> bool:
    """Whether a flapping application is in its bad phase."""
    return uptime % (2 * FLAP) >= FLAP


def logged(log: Path) -> dict[str, str]:
    """Request id -> status, as this application wrote them; "-" where no answer was given."""
    lines = (line.split() for line in log.read_text().splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 3}


@dataclass(frozen=True, slots=True)
class Request:
    """What this application wants to know of a request."""

    path: str
    id: str
    keep: bool
    body: int
    key: str = ""
    """The websocket's, where the client wants one."""


def parse_head(head: bytes) -> Request:
    """A request's first line and headers. Raises ValueError for anything that is not plain HTTP/1 with a known length."""
    first, *lines = head.decode("latin-1").split("\r\n")
    _method, path, version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or version not in {"HTTP/1.0", "HTTP/1.1"} or not length.isdigit():
        raise ValueError("not a request that this application understands")
    connection = headers.get("connection", "").lower()
    keep = connection != "close" if version == "HTTP/1.1" else connection == "keep-alive"
    key = headers.get("sec-websocket-key", "") if headers.get("upgrade", "").lower() == "websocket" else ""
    return Request(path, headers.get("x-request-id", "none"), keep, int(length), key)


def whole_frame(received: bytes) -> tuple[int, bytes, bytes] | None:
    """(first byte, unmasked payload, what follows) of a client's frame of up to 125 bytes; None where it is not whole.

    Raises ValueError for a longer or an unmasked one.
    """
    if len(received) < 2:
        return None
    length = received[1] & 0x7F
    if not received[1] & 0x80 or length > 125:
        raise ValueError("not a frame that this application understands")
    if len(received) < 6 + length:
        return None
    mask, payload = received[2:6], received[6 : 6 + length]
    return received[0], bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)), received[6 + length :]


class Application:
    """The state that all connections share."""

    def __init__(self, version: str, error_rate: float, fault: Fault, seed: int | None, log: TextIO | None) -> None:
        self.version = version
        self.draining = False
        self.connections: set[Connection] = set()
        self.left = asyncio.Event()
        """A connection has ended."""
        self._error_rate = error_rate
        self._fault = fault
        self._chance = random.Random(seed)
        self._log = log
        self._began = asyncio.get_running_loop().time()

    def decide(self, request: Request) -> Answer:
        uptime = asyncio.get_running_loop().time() - self._began
        if request.path == "/healthz":
            return Answer(503 if self._fault.kind == "flap" and ill(uptime) else 200)
        decided = answer(self._fault, self._error_rate, self._chance.random(), uptime)
        if decided.status == 200 and request.path.startswith("/slow/"):
            decided = Answer(after=float(request.path.removeprefix("/slow/")))
        if self._log is not None:
            status = "-" if decided.after is None or decided.status is None else decided.status
            status = 101 if request.key and status == 200 else status
            self._log.write(f"{request.id} {status} {self.version}\n")
        return decided

    def response(self, status: int, request_id: str, *, keep: bool) -> bytes:
        body = json.dumps({"version": self.version, "status": "ok" if status == 200 else "error"}).encode()
        head = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-version: {self.version}",
            f"x-request-id: {request_id}",
            *([] if keep else ["connection: close"]),
        ]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + body

    def upgrade(self, request: Request) -> bytes:
        accepted = base64.b64encode(hashlib.sha1(request.key.encode() + WEBSOCKET, usedforsecurity=False).digest())
        head = [
            "HTTP/1.1 101 Switching Protocols",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-accept: {accepted.decode()}",
            f"x-version: {self.version}",
            f"x-request-id: {request.id}",
        ]
        return "\r\n".join([*head, "", ""]).encode("latin-1")


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time, kept alive."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._received = b""
        self._skip = 0
        self._busy = False
        self._talks = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._application.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._application.connections.discard(self)
        self._application.left.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._talks:
            self._echo()
        else:
            self._next()

    def go_away(self) -> None:
        """A websocket has no next answer that could say so."""
        if self._talks and self._transport is not None:
            self._transport.write(GOING_AWAY)
            self._transport.close()

    def _echo(self) -> None:
        while self._transport is not None and (frame := whole_frame(self._received)):
            first, payload, self._received = frame
            self._transport.write(bytes((first, len(payload))) + payload)
            if first == CLOSE:
                self._transport.close()

    def _next(self) -> None:
        while not self._busy and self._transport is not None:
            skipped = min(self._skip, len(self._received))
            self._received, self._skip = self._received[skipped:], self._skip - skipped
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                if len(head) > LARGEST_HEAD:
                    self._transport.abort()
                return
            self._received = rest
            self._begin(head)

    def _begin(self, head: bytes) -> None:
        self._busy = True
        try:
            request = parse_head(head)
        except ValueError:
            self._end(400, "none", keep=False)
            return
        self._skip = request.body
        decided = self._application.decide(request)
        if decided.status is None and self._transport is not None:
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
            self._transport.abort()
        elif decided.status == 200 and request.key and self._transport is not None:
            self._talks = True
            self._transport.write(self._application.upgrade(request))
            self._echo()
        elif decided.status is not None and decided.after == 0:
            self._end(decided.status, request.id, keep=request.keep)
        elif decided.status is not None and decided.after is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(decided.after, lambda: self._later(decided.status or 500, request))

    def _later(self, status: int, request: Request) -> None:
        self._end(status, request.id, keep=request.keep)
        self._next()

    def _end(self, status: int, request_id: str, *, keep: bool) -> None:
        keep = keep and not self._application.draining
        self._busy = False
        if self._transport is not None:
            self._transport.write(self._application.response(status, request_id, keep=keep))
            if not keep:
                self._transport.close()


async def serve(options: argparse.Namespace, log: TextIO | None) -> None:
    """Until SIGTERM or SIGINT, and then until the last connection is closed, or DRAIN seconds."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    application = Application(options.version, options.error_rate, options.fault, options.seed, log)
    server = await loop.create_server(lambda: Connection(application), options.host, options.port, backlog=1024)
    await stop.wait()
    server.close()
    application.draining = True
    for connection in list(application.connections):
        connection.go_away()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while application.connections:
                application.left.clear()
                await application.left.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A sample application with a version and, if asked, a fault.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--version", required=True)
    parser.add_argument("--error-rate", type=float, default=0.0)
    parser.add_argument("--fault", type=parse_fault, default=Fault())
    parser.add_argument("--seed", type=int)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(arguments)
    if options.log is None:
        asyncio.run(serve(options, None))
        return 0
    with options.log.open("a", buffering=1) as log:
        asyncio.run(serve(options, log))
    return 0


if __name__ == "__main__":
    sys.exit(main())
