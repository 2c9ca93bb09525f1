"""What does an HTTP server on loopback answer to a GET? By hand: http.client alone would double the time of every verb."""

from __future__ import annotations

import socket
import time


def get(url: str, until: float) -> str:
    """The body of http://HOST:PORT/PATH, whatever the status. Raises OSError or ValueError by the monotonic time `until`."""
    host, slash, path = url.partition("://")[2].partition("/")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port or 80)), timeout=_left(until)) as connection:
        request = f"GET {slash or '/'}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        received: list[bytes] = []
        while True:
            connection.settimeout(_left(until))
            chunk = connection.recv(65536)
            if not chunk:
                return body(b"".join(received)).decode(errors="replace")
            received.append(chunk)


def body(answer: bytes) -> bytes:
    """The body of a whole HTTP/1.1 answer. Raises ValueError where it is cut short or is none."""
    head, blank, rest = answer.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"HTTP/1."):
        raise ValueError("not an HTTP answer")
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    headers = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
    if headers.get(b"transfer-encoding") == b"chunked":
        return _unchunked(rest)
    if len(rest) < int(headers.get(b"content-length", 0)):
        raise ValueError("the HTTP answer was cut short")
    return rest


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
