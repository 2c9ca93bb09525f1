"""Driving one release in this process, from its first entry to its last: loop, threads, signals, requests, patience."""

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from releaser.core import events as e
from releaser.core.rollout import Rollout
from releaser.engine.hearing import hear_requests, hear_signals
from releaser.engine.loop import Driven, Loop
from releaser.engine.messages import Person
from releaser.engine.recorder import Recorder, Spool
from releaser.engine.recover import resume
from releaser.engine.spools import spool_for
from releaser.engine.threads import ThreadExecutor
from releaser.ports import Clock, Notifier, World
from releaser.store.absent import AbsentJournal
from releaser.store.sqlite import SqliteJournal

__all__ = ["Driver"]


@dataclass(slots=True)
class Driver:
    """Everything that driving takes. `turned` is called after each turn of the loop, for a live view."""

    journal: SqliteJournal | AbsentJournal
    world: World
    clock: Clock
    listeners: Sequence[Notifier] = ()
    timeout: float | None = None
    notice: Callable[[str], None] | None = None
    turned: Callable[[Driven], None] | None = None
    executor: ThreadExecutor = field(default_factory=ThreadExecutor)
    mailbox: Any = field(default_factory=SimpleQueue)

    def start(self, rollout: str, opened: e.Opened) -> Rollout:
        """A new rollout, driven to its end."""
        forward = opened.plan.kind == "promote"
        with (
            spool_for(self.journal, rollout, required=forward) as spool,
            self._hearing(rollout, opened.plan.environment),
        ):
            loop = self._loop(spool)
            loop.open(rollout, opened, self.world)
            return self._run(loop, rollout)

    def take_over(self, state: Rollout, *, by: str, finish: bool, reason: str) -> Rollout:
        """A rollout whose process died, driven to its end."""
        with (
            spool_for(self.journal, state.id, required=False) as spool,
            self._hearing(state.id, state.plan.environment),
        ):
            loop = self._loop(spool)
            resume(loop, state, self.world, self.clock, by=by, finish=finish, reason=reason)
            return self._run(loop, state.id)

    def _loop(self, spool: Spool | None) -> Loop:
        return Loop(Recorder(self.journal, spool, self.listeners), self.executor, self.clock, self.mailbox)

    def _run(self, loop: Loop, rollout: str) -> Rollout:
        patience = self._patience(rollout)
        try:
            while rollout in loop.driven:
                loop.turn()
                if self.turned and rollout in loop.driven:
                    self.turned(loop.driven[rollout])
        finally:
            if patience:
                patience.cancel()
        return loop.finished[rollout]

    def _patience(self, rollout: str) -> threading.Timer | None:
        if self.timeout is None:
            return None
        message = Person(rollout, e.Asked("timeout", "--timeout", f"not over within {self.timeout:g} s (--timeout)"))
        timer = threading.Timer(self.timeout, self.mailbox.put, (message,))
        timer.daemon = True
        timer.start()
        return timer

    @contextmanager
    def _hearing(self, rollout: str, environment: str) -> Any:
        with (
            hear_signals(self.mailbox, rollout, self.notice),
            hear_requests(self.journal, environment, rollout, self.mailbox, self.executor),
        ):
            yield
