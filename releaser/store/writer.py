"""Who writes to the journal's file, and how long does a caller wait for it?

One thread writes, in the order of asking. A caller waits for its patience and not a moment longer, also where the disk hangs
inside a call that nothing can interrupt. Work that had begun by then may still succeed (appending twice is safe); work
that had not is dropped.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from releaser.store.faults import faults, unavailable
from releaser.store.schema import connect

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Writer"]

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Job = tuple["Future[Any]", Work, float | None]

FOR_EVER = 2**31 - 1
"""Milliseconds that SQLite waits for a lock where the caller has no limit: 24 days."""


class Writer:
    """A thread with the only connection of this journal that writes. The thread ends with the process or with `close`."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        """`check` is called before each piece of work and raises where the file is not the one that it was."""
        self._path = path
        self._check = check
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Callable[[sqlite3.Connection], T], patience: float | None) -> T:
        """Do `work` in the writer's thread. Raises JournalUnavailableError after `patience` seconds, and what `work` raises."""
        from concurrent.futures import Future  # here: who only reads does without its 7 ms

        self._start()
        future: Future[T] = Future()
        deadline = None if patience is None else time.monotonic() + patience
        self._jobs.put((future, work, deadline))
        try:
            return future.result(patience)
        except TimeoutError:
            future.cancel()
            problem = f"did not take an event within {patience} s"
            raise unavailable(
                self._path, problem, "look for a full or slow disk, or a process that holds a lock"
            ) from None

    def close(self) -> None:
        """Let what was asked for be done, for 5 s at most, and end the thread."""
        with self._starting:
            if self._thread:
                self._jobs.put(None)
                self._thread.join(5.0)
                self._thread = None

    def _start(self) -> None:
        with self._starting:
            if not self._thread:
                self._thread = threading.Thread(target=self._serve, name="journal-writer", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        while job := self._jobs.get():
            future, work, deadline = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                with faults(self._path):
                    self._check()
                    connection = connection or connect(self._path)
                    connection.execute(f"PRAGMA busy_timeout = {_milliseconds_until(deadline)}")
                    future.set_result(work(connection))
            except BaseException as error:  # noqa: BLE001  whatever happens here belongs to the caller who waits for it
                future.set_exception(error)
        if connection:
            connection.close()


def _milliseconds_until(deadline: float | None) -> int:
    return FOR_EVER if deadline is None else max(1, int((deadline - time.monotonic()) * 1000))
