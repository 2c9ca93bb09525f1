"""Who tells what happens while a release runs? A thread of its own: a terminal that stops reading never stops the release."""

import queue
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Protocol

from releaser.cli.follow import Following, Told
from releaser.cli.lines import line
from releaser.cli.render import Screen, clock_time, json_text
from releaser.cli.run import Run
from releaser.core.codec import encode_event
from releaser.core.events import Entry
from releaser.core.phrases import say_seconds

__all__ = ["HEARTBEAT", "JsonLines", "Narrator", "Silent", "StoryLines", "Teller", "entry_json", "said_once"]

HEARTBEAT = 30.0
"""Seconds: a log in which nothing happens for longer looks dead."""
PATIENCE = 3.0
"""Seconds that the end of a command waits for a reader who has stopped reading."""


class Teller(Protocol):
    """How entries are shown. Called from the narrator's thread only."""

    every: float
    """Seconds between two calls of `idle` while nothing happens."""

    def news(self, following: Following) -> None: ...

    def idle(self, following: Following) -> None: ...

    def said(self, sentence: str) -> None: ...

    def end(self, following: Following) -> None: ...


class Silent:
    """-o json and yaml: one document at the end, nothing before."""

    every = HEARTBEAT

    def news(self, following: Following) -> None: ...

    def idle(self, following: Following) -> None: ...

    def said(self, sentence: str) -> None: ...

    def end(self, following: Following) -> None: ...


class StoryLines:
    """Not a terminal: a line an event with its time, and a sign of life every 30 s."""

    every = HEARTBEAT

    def __init__(self, run: Run) -> None:
        self.run = run

    def news(self, following: Following) -> None:
        entry = following.last
        if entry and (following.news or self.run.options.verbose):
            self.run.screen.note(line(clock_time(entry.moment.wall), "  ", following.sentence(entry)))

    def idle(self, following: Following) -> None:
        wall = self.run.now()
        r = following.rollout
        if r is not None:
            for_ = say_seconds(max(0.0, following.time_at(wall) - r.since))
            said = (
                f"still {r.phase} at step {r.step + 1} of {len(r.plan.steps)}, for {for_}"
                if r.step >= 0
                else f"still {r.phase}, for {for_}"
            )
            why = f": {r.judged.why}" if r.judged else ""
            orders = "".join(f"; {order}" for order in following.orders())
            self.run.screen.note(line(clock_time(wall), "  ", said, why, orders))

    def said(self, sentence: str) -> None:
        self.run.screen.note(line(clock_time(self.run.now()), "  ", sentence))

    def end(self, following: Following) -> None: ...


class JsonLines:
    """-o jsonl: an event a line, on stdout."""

    every = HEARTBEAT

    def __init__(self, run: Run) -> None:
        self.run = run

    def news(self, following: Following) -> None:
        entry = following.last
        if entry is not None:
            self.run.screen.text(entry_json(entry, following.sentence(entry)))

    def idle(self, following: Following) -> None: ...

    def said(self, sentence: str) -> None: ...

    def end(self, following: Following) -> None: ...


def entry_json(entry: Entry, sentence: str) -> str:
    """One entry as one line: who, when, the sentence, and the event as the journal has it."""
    head = {"schema": 1, "rollout": entry.rollout, "seq": entry.seq, "at": entry.moment.wall, "text": sentence}
    return f'{json_text(head, compact=True)[:-1]},"event":{encode_event(entry.event)}}}'


def said_once(screen: Screen) -> Callable[[Exception], None]:
    """What a defect of the telling is answered with: a line of its own the first time, the whole of it in the log file always."""
    told: set[str] = set()

    def failed(error: Exception) -> None:
        said = f"{type(error).__name__}: {str(error)[:300]}"
        path = screen.keep("".join(traceback.format_exception(error)))
        if said not in told:
            told.add(said)
            where = f"the traceback for the maintainers is in {path}" if path else "its traceback could be kept nowhere"
            why = f"this is a defect of releaser ({said}): something that happened is not shown here; "
            screen.note(
                line(("error: ", "bad"), why, "the release goes on, and `releaser show` has all of it; ", where)
            )

    return failed


class Narrator:
    """Takes entries from any thread at once and tells them from its own. Implements ports.Notifier.

    `failed` hears of a defect in the telling, in the narrator's thread: what comes after it is told all the same.
    """

    def __init__(self, teller: Teller, following: Following, failed: Callable[[Exception], None]) -> None:
        self.teller = teller
        self.following = following
        self.failed = failed
        self.waiting: queue.SimpleQueue[Entry | str | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._serve, daemon=True, name="narrator")
        self.thread.start()

    def tell(self, entry: Entry) -> None:
        self.waiting.put(entry)

    def say(self, sentence: str) -> None:
        """Something that is no event: what a signal did."""
        self.waiting.put(sentence)

    def close(self) -> None:
        """Everything that was taken is told, unless the reader has stopped reading."""
        self.waiting.put(None)
        self.thread.join(PATIENCE)

    def _serve(self) -> None:
        heard = time.monotonic()
        while True:
            try:
                entry = self.waiting.get(timeout=max(0.01, heard + self.teller.every - time.monotonic()))
            except queue.Empty:
                self._try(partial(self.teller.idle, self.following))
            else:
                self._try(partial(self._tell, entry))
                if entry is None:
                    return
            heard = time.monotonic()

    def _try(self, telling: Callable[[], None]) -> None:
        try:
            telling()
        except Exception as error:  # noqa: BLE001 - the top of a thread: a defect in the telling must not silence what follows
            self.failed(error)

    def _tell(self, entry: Entry | str | None) -> None:
        if entry is None:
            self.teller.end(self.following)
        elif isinstance(entry, str):
            self.following.story.append(Told(time.time(), entry))
            self.teller.said(entry)
        elif self.following.take(entry):
            self.teller.news(self.following)
