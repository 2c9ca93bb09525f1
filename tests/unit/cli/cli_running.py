"""A release that somebody else drives while the test asks for things."""

import threading
import time
from collections.abc import Callable

from cli_world import Place

from releaser.core.events import Opened
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.engine.carrying import new_rollout, world_for
from releaser.engine.drive import Driver
from releaser.engine.hearing import hear_requests

__all__ = ["Running", "until"]


class Running:
    """1.4.2 on its slow way, driven by a thread as another process would; signals belong to the test's own thread."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.ended: Rollout | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        until(lambda: place.site.split is not None and len(place.site.split.weights) == 2)

    def _run(self) -> None:
        session = self.place.open(None, self.place.folder, environ=self.place.environ, settings=())
        plan = session.plan("1.4.2", playbook="slow")
        assert isinstance(plan, Plan)
        driver = Driver(session.journal, world_for(session, plan), session.clock)
        rollout = new_rollout("1.4.2")
        with hear_requests(session.journal, session.name, rollout, driver.mailbox, driver.executor):
            loop = driver._loop(None)
            loop.open(rollout, Opened(plan, "bo@desk"), driver.world)
            self.ended = driver._run(loop, rollout)

    def end(self) -> Rollout:
        self.thread.join(30)
        assert self.ended is not None
        return self.ended


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
