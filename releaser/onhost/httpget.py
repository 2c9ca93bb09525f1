"""What does an HTTP server on loopback answer to a GET? By hand: http.client alone would double the time of every verb."""

from __future__ import annotations

import socket
import time


def get(url: str, until: float) -> str:
    """The body of http://HOST:PORT/PATH, whatever the status. Raises OSError or ValueError by the monotonic time `until`."""
    return body(fetch(url, until)).decode(errors="replace")


def fetch(url: str, until: float, host: str = "") -> bytes:
    """The whole answer; `host` is the Host header, if it is not the URL's. Raises as `get`."""
    authority, slash, path = url.partition("://")[2].partition("/")
    name, _, port = authority.partition(":")
    with socket.create_connection((name, int(port or 80)), timeout=_left(until)) as connection:
        request = f"GET {slash or '/'}{path} HTTP/1.1\r\nHost: {host or authority}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        received: list[bytes] = []
        while True:
            connection.settimeout(_left(until))
            chunk = connection.recv(65536)
            if not chunk:
                return b"".join(received)
            received.append(chunk)


def body(answer: bytes) -> bytes:
    """The body of a whole HTTP/1.1 answer. Raises ValueError where it is cut short or is none."""
    fields, rest = _parts(answer)
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _unchunked(rest)
    if len(rest) < int(fields.get(b"content-length", 0)):
        raise ValueError("the HTTP answer was cut short")
    return rest


def header(answer: bytes, name: str) -> str:
    """One header of an answer; empty where it has none. Raises ValueError where it is no HTTP/1.1 answer."""
    return _parts(answer)[0].get(name.lower().encode("ascii"), b"").decode("latin-1")


def _parts(answer: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Headers by their names in small letters, and what follows them."""
    head, blank, rest = answer.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"HTTP/1."):
        raise ValueError("not an HTTP answer")
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return {name.strip().lower(): value.strip() for name, _, value in fields}, rest


def _unchunked(rest: bytes) -> bytes:
    parts: list[bytes] = []
    while True:
        size, end, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16) if end else -1
        if length < 0 or len(rest) < length:
            raise ValueError("the HTTP answer was cut short")
        if length == 0:
            return b"".join(parts)
        parts.append(rest[:length])
        rest = rest[length + 2 :]


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no whole answer in time")
    return left
