"""What becomes of users who stay? Websockets that are held open and talk, each until somebody ends it.

    python -m releaser.testing.load_websocket http://127.0.0.1:8080/ --count 4 --seconds 10

prints, after that time or SIGTERM, one JSON list: which version each of them talked to, for how long, how many messages came back, how it ended.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self
from urllib.parse import urlsplit

from releaser.testing.app import CLOSE, TEXT

__all__ = ["Held", "Holding", "hold", "main"]

EVERY = 0.2
"""Seconds between two messages."""
PATIENCE = 10.0
KEPT, CLOSED, CUT, REFUSED = "kept", "closed", "cut", "refused"


@dataclass(frozen=True, slots=True)
class Held:
    """`ending`: kept (to the end of the load), closed (the application said so), cut (in the middle), refused (never open)."""

    id: str
    version: str = ""
    seconds: float = 0.0
    messages: int = 0
    ending: str = REFUSED
    status: int = 0


async def hold(url: str, name: str, seconds: float, stop: asyncio.Event, host: str = "") -> Held:
    """One websocket, for `seconds`, until `stop`, or until the other side ends it."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = (
            f"host: {host or parts.netloc}\r\nx-request-id: {name}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        )
        version = f"sec-websocket-version: 13\r\nsec-websocket-key: {key}"
        writer.write(f"GET {parts.path or '/'} HTTP/1.1\r\n{wanted}{version}\r\n\r\n".encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode("latin-1")
        status = int(head.split(" ")[1])
        fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head.split("\r\n")[1:]}
        if status != 101:
            return Held(name, fields.get("x-version", ""), status=status)
        began, messages, ending = loop.time(), 0, KEPT
        while ending == KEPT and not stop.is_set() and loop.time() < began + seconds:
            messages, ending = await _talk(reader, writer, messages)
        return Held(name, fields.get("x-version", ""), round(loop.time() - began, 3), messages, ending, status)
    except (OSError, EOFError, TimeoutError):
        return Held(name)
    finally:
        writer.close()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: int) -> tuple[int, str]:
    """One message there and back: (how many came back by now, how it stands)."""
    said, mask = str(messages).encode(), os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(said))
    try:
        writer.write(bytes((TEXT, 0x80 | len(said))) + mask + masked)
        first, length = await asyncio.wait_for(reader.readexactly(2), PATIENCE)
        payload = await reader.readexactly(length)
    except (OSError, EOFError, TimeoutError):
        return messages, CUT
    if first == CLOSE:
        return messages, CLOSED
    if payload != said:
        return messages, CUT
    await asyncio.sleep(EVERY)
    return messages + 1, KEPT


async def _until_sigterm(url: str, count: int, seconds: float, host: str, name: str) -> list[Held]:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return await _hold_all(url, count, seconds, host, name, stop)


async def _hold_all(url: str, count: int, seconds: float, host: str, name: str, stop: asyncio.Event) -> list[Held]:
    holds = [hold(url, f"{name}-{number}", seconds, stop, host) for number in range(1, count + 1)]
    return list(await asyncio.gather(*holds))


class Holding:
    """Websockets in a thread of its own: `with Holding(url) as holding: ...`, then `holding.held`."""

    def __init__(self, url: str, count: int = 1, seconds: float = 60.0) -> None:
        self.held: list[Held] = []
        self._ask = (url, count, seconds)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="websockets", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: all of them have ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        url, count, seconds = self._ask
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self.held += runner.run(_hold_all(url, count, seconds, "", "websocket", self._stop))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Hold websockets open and say what became of them.")
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--host", default="", help="the Host header, if not the URL's")
    parser.add_argument("--name", default="websocket")
    options = parser.parse_args(arguments)
    held = asyncio.run(_until_sigterm(options.url, options.count, options.seconds, options.host, options.name))
    sys.stdout.write(json.dumps([asdict(one) for one in held]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
