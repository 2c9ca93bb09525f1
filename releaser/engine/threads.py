"""Where blocking work runs in production: a bounded pool for the way forward, a thread of its own for the way back."""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

__all__ = ["ThreadExecutor", "together"]

POOL = 16


class ThreadExecutor:
    """Daemon threads: a hanging effect must never keep a finished process alive. Implements ports.Executor."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.workers: list[threading.Thread] = []
        self.idle = 0
        self.lock = threading.Lock()

    def submit(self, work: Callable[[], None], *, urgent: bool) -> None:
        if urgent:
            threading.Thread(target=work, daemon=True, name="rollback").start()
            return
        self.queue.put(work)
        with self.lock:
            if self.idle < self.queue.qsize() and len(self.workers) < POOL:
                worker = threading.Thread(target=self._work, daemon=True, name=f"effect-{len(self.workers)}")
                self.workers.append(worker)
                worker.start()

    def _work(self) -> None:
        while True:
            with self.lock:
                self.idle += 1
            work = self.queue.get()
            with self.lock:
                self.idle -= 1
            work()

    def every(self, seconds: float, work: Callable[[], None]) -> Callable[[], None]:
        stopped = threading.Event()

        def again() -> None:
            while not stopped.wait(seconds):
                work()

        threading.Thread(target=again, daemon=True, name="keeper").start()
        return stopped.set


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """All at the same time, each in its own thread; the answers in order. A call must not raise."""
    answers: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
