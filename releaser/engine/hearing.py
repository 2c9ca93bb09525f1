"""How a running release hears people: signals of this process, and requests that other processes leave in the journal.

Handlers and threads only put into the mailbox; the loop decides.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Protocol

from releaser.core.events import Asked
from releaser.engine.messages import Person, Wake
from releaser.errors import ReleaserError
from releaser.ports import Executor, Mailbox
from releaser.store.asked import Waiting

__all__ = ["Requests", "hear_requests", "hear_signals"]

POLL = 0.02
"""Seconds: a request on this machine is heard within twice this."""


class Requests(Protocol):
    """The part of the journal where people's requests wait."""

    def changed(self) -> int: ...

    def take(self, environment: str, rollout: str) -> Sequence[Waiting]: ...

    def answer(self, number: int, text: str) -> None: ...


@contextmanager
def hear_signals(mailbox: Mailbox, rollout: str, notice: Callable[[str], None] | None = None) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP ask the release to go back; a second one changes nothing. nohup's SIG_IGN is respected.

    `notice` is told the signal's name, from the loop's thread, so that the terminal can say what is going on.
    """
    before = {}

    def handle(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        reply = partial(_tell, notice, name) if notice else None
        mailbox.put(Person(rollout, Asked("signal", name, f"interrupted by {name}"), reply=reply))

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(notice: Callable[[str], None], name: str, sentence: str, granted: bool) -> None:
    notice(f"{name}: {sentence}" if granted else sentence)


@contextmanager
def hear_requests(
    journal: Requests, environment: str, rollout: str, mailbox: Mailbox, executor: Executor
) -> Iterator[None]:
    """Poll the journal for requests to this environment; each is answered in a sentence, by the loop's word."""
    stopped = threading.Event()

    def reply(number: int, sentence: str, granted: bool) -> None:
        text = ("ok: " if granted else "no: ") + sentence
        executor.submit(partial(_answer, journal, number, text), urgent=False)

    def poll() -> None:
        seen = -1
        while not stopped.wait(POLL):
            try:
                version = journal.changed()
                waiting = journal.take(environment, rollout) if version != seen else ()
            except ReleaserError:
                continue
            seen = version
            for request in waiting:
                mailbox.put(Person(rollout, request.asked, f"journal:{request.id}", partial(reply, request.id)))

    thread = threading.Thread(target=poll, daemon=True, name="requests")
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        mailbox.put(Wake())
        thread.join(1.0)


def _answer(journal: Requests, number: int, text: str) -> None:
    try:
        journal.answer(number, text)
    except ReleaserError:
        return
