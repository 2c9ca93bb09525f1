"""Where does each HAProxy send its users, moment by moment? Its own word, asked from outside of everything that is measured."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Watched", "watched"]

EVERY = 0.05
"""Seconds between two looks at each."""
ADMIN, WEIGHT, NAME = 6, 7, 3
"""Fields of a line of `show servers state`: its operator's words against the server (0: none), weight, server."""


@dataclass
class Watched:
    """Wall clock and slot -> weight of each look, oldest first; None: it does not answer, so it serves nobody."""

    looks: dict[str, list[tuple[float, Mapping[str, int] | None]]] = field(default_factory=dict)

    def now(self, router: str) -> Mapping[str, int] | None:
        return self.looks[router][-1][1]

    def home(self, router: str, slot: str, since: float) -> float | None:
        """Wall clock from which all its users are on `slot` for good; None: they are not."""
        home: float | None = None
        for at, weights in self.looks[router]:
            if at >= since:
                away = weights is None or set(weights) != {slot}
                home = None if away else home or at
        return home


@contextmanager
def watched(sockets: Mapping[str, Callable[[], Path | None]], backend: str) -> Iterator[Watched]:
    """`sockets`: router -> where its Runtime API is now, None while it is without power."""
    seen, over = Watched({name: [] for name in sockets}), threading.Event()

    def look() -> None:
        for name, path in sockets.items():
            weights = _weights(path, backend)
            seen.looks[name].append((time.time(), weights))

    def look_on() -> None:
        while not over.wait(EVERY):
            look()

    look()
    thread = threading.Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _weights(path: Callable[[], Path | None], backend: str) -> Mapping[str, int] | None:
    """Slot -> the sum of the weights of its servers in service; only slots that get users."""
    where = path()
    if where is None:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(1)
            channel.connect(str(where))
            channel.sendall(f"show servers state {backend}\n".encode())
            told = b"".join(iter(lambda: channel.recv(65536), b"")).decode()
    except OSError:
        return None
    found: dict[str, int] = {}
    for words in (line.split() for line in told.splitlines()[2:]):
        if words and int(words[ADMIN]) == 0 and int(words[WEIGHT]):
            slot = words[NAME].rpartition("_")[2]
            found[slot] = found.get(slot, 0) + int(words[WEIGHT])
    return found
