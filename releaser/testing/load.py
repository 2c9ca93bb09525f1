"""What do users see? A load client: R requests a second whatever the answers are, without retries, each with an id.

    python -m releaser.testing.load http://127.0.0.1:8080/ --rate 200 --seconds 10

prints one JSON document. Latency counts from the planned moment, so that a stalled server cannot slow the questions down and
look well. "Failed by us" are transport errors, resets, 502, 503 and 504: what a router or a release must never add.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from releaser.testing.load_figures import UNFINISHED, Sent, summary

__all__ = ["UNFINISHED", "Load", "Response", "Sent", "Traffic", "moments", "read_response", "run", "summary"]

GRACE = 0.5
"""Seconds for what is under way when the client is stopped."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whom to ask how often. `rate` a second; `fresh` is the share of requests with a connection of their own."""

    url: str
    rate: float = 100.0
    seconds: float | None = None
    """None: until it is stopped."""
    connections: int = 16
    fresh: float = 0.1
    poisson: bool = True
    patience: float = 20.0
    """Seconds until a request counts as a transport error."""
    seed: int = 1
    name: str = "load"
    """The ids are NAME-1, NAME-2 ..."""
    host: str = ""
    """The Host header; empty: the URL's."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    version: str
    generation: str
    keep: bool


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def moments(traffic: Traffic) -> Iterator[float]:
    """When to send, in seconds since the beginning."""
    chance = random.Random(traffic.seed)
    at = 0.0
    while traffic.seconds is None or at < traffic.seconds:
        yield at
        at += chance.expovariate(traffic.rate) if traffic.poisson else 1 / traffic.rate


class Client:
    """The connections and results of one load, inside one event loop."""

    def __init__(self, traffic: Traffic, results: list[Sent]) -> None:
        parts = urlsplit(traffic.url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path or "/"
        self._name = traffic.host or f"{self._host}:{self._port}"
        self._traffic = traffic
        self._results = results
        self._idle: deque[Stream] = deque()
        self._chance = random.Random(-traffic.seed)
        self._began = asyncio.get_running_loop().time()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until the traffic ends or `stop`, then wait for what is under way, but not once `stop` is set."""
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        for number, at in enumerate(moments(self._traffic), 1):
            await _until(stop, self._began + at)
            if stop.is_set():
                break
            task = loop.create_task(self._send(f"{self._traffic.name}-{number}", at))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await self._finish(tasks, stop)

    async def _finish(self, tasks: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._traffic.patience + 1) as limit:
                while tasks:
                    await asyncio.wait(tasks, timeout=0.05)
                    if stop.is_set():
                        limit.reschedule(min(limit.when() or 0.0, loop.time() + GRACE))
        left = list(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        while self._idle:
            self._idle.popleft()[1].close()

    async def _send(self, name: str, at: float) -> None:
        loop = asyncio.get_running_loop()
        response, error = None, ""
        try:
            async with asyncio.timeout(self._traffic.patience):
                response = await self._ask(name)
        except TimeoutError:
            error = "time-out"
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as problem:
            error = type(problem).__name__
        except asyncio.CancelledError:
            error = UNFINISHED
        latency = loop.time() - self._began - at
        if response is None:
            self._results.append(Sent(name, at, latency, error=error))
        else:
            self._results.append(
                Sent(name, at, latency, response.status, response.version, generation=response.generation)
            )

    async def _ask(self, name: str) -> Response:
        fresh = self._chance.random() < self._traffic.fresh
        stream = None if fresh else self._kept()
        reader, writer = stream or await asyncio.open_connection(self._host, self._port)
        keep = False
        try:
            closing = "connection: close\r\n" if fresh else ""
            head = f"GET {self._path} HTTP/1.1\r\nhost: {self._name}\r\nx-request-id: {name}\r\n{closing}\r\n"
            writer.write(head.encode())
            response = await read_response(reader)
            keep = response.keep and not fresh and len(self._idle) < self._traffic.connections
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return response

    def _kept(self) -> Stream | None:
        """A connection that the other side has not closed, as far as we know."""
        while self._idle:
            reader, writer = self._idle.popleft()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None


async def _until(stop: asyncio.Event, moment: float) -> None:
    """Sleep until the loop's time `moment`, or `stop`."""
    if moment > asyncio.get_running_loop().time():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await stop.wait()


async def read_response(reader: asyncio.StreamReader) -> Response:
    """One whole response with content-length or chunks. Raises EOFError, OSError or ValueError where it is not whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        await reader.read()
    keep = headers.get("connection", "").lower() != "close" and (
        "content-length" in headers or "transfer-encoding" in headers
    )
    version, generation = headers.get("x-version", ""), headers.get("x-releaser-generation", "")
    return Response(int(first.split(" ")[1]), version, generation, keep)


class Load:
    """A load in a thread of its own: `with Load(traffic) as load: ...`, then `load.results`."""

    def __init__(self, traffic: Traffic) -> None:
        self.results: list[Sent] = []
        """Grows while it runs, in the order of the answers."""
        self._traffic = traffic
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> list[Sent]:
        """No more requests; what is under way gets half a second. Safe to repeat."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        return self.results

    def join(self) -> list[Sent]:
        """Wait until the traffic's `seconds` are over and everything is answered."""
        self._thread.join()
        return self.results

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        await Client(self._traffic, self.results).run(self._stop)


def run(traffic: Traffic) -> list[Sent]:
    """All of it, here and now."""
    with Load(traffic) as load:
        return load.join()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Send requests at a fixed rate and say what came back.")
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, help="default: until SIGTERM or SIGINT")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--fresh", type=float, default=0.1, help="share of requests with a new connection")
    parser.add_argument("--fixed", action="store_true", help="equal distances instead of Poisson arrivals")
    parser.add_argument("--patience", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="load")
    parser.add_argument("--host", default="", help="the Host header, if not the URL's")
    parser.add_argument("--out", type=Path, help="a file for one JSON line a request")
    options = parser.parse_args(arguments)
    traffic = Traffic(
        options.url, options.rate, options.seconds, options.connections, options.fresh,
        not options.fixed, options.patience, options.seed, options.name, options.host,
    )  # fmt: skip
    load = Load(traffic)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with load:
        while load.running and not stop.wait(0.05):
            pass
    if options.out is not None:
        options.out.write_text("".join(json.dumps(asdict(sent)) + "\n" for sent in load.results))
    sys.stdout.write(json.dumps(summary(load.results)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
