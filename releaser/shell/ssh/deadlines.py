"""What ends a call that its library would wait on for ever? One thread that does something to it when its time is over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from time import monotonic

__all__ = ["Deadlines"]


class Deadlines:
    """May be used from several threads. The thread is started when it is needed, and ends after `idle` seconds without work."""

    def __init__(self, idle: float = 5.0) -> None:
        self._idle = idle
        self._change = threading.Condition()
        self._pending: dict[int, tuple[float, Callable[[], None]]] = {}
        self._numbers = count()
        self._thread: threading.Thread | None = None

    @contextmanager
    def until(self, at: float, end: Callable[[], None]) -> Iterator[None]:
        """If the body still runs at the monotonic time `at`, `end` is called once; it must not block, nor raise."""
        number = next(self._numbers)
        with self._change:
            self._pending[number] = (at, end)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="ssh-deadlines", daemon=True)
                self._thread.start()
            self._change.notify()
        try:
            yield
        finally:
            with self._change:
                self._pending.pop(number, None)

    def _watch(self) -> None:
        over: list[Callable[[], None]] | None = []
        while over is not None:
            for end in over:
                end()
            over = self._over()

    def _over(self) -> list[Callable[[], None]] | None:
        """Waits for the next deadline; those that are over are no longer pending. None: nothing was pending for a while."""
        with self._change:
            first = min((at for at, _ in self._pending.values()), default=monotonic() + self._idle)
            self._change.wait(max(0.0, first - monotonic()))
            now = monotonic()
            if not self._pending and now >= first:
                self._thread = None
                return None
            over = [number for number, (at, _) in self._pending.items() if at <= now]
            return [self._pending.pop(number)[1] for number in over]
