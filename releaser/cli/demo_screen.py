"""What moves on the screen while the demo plays? At a terminal a live part below the story, elsewhere a line an event."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from releaser.cli.follow import worth_telling
from releaser.cli.lines import line, plain
from releaser.cli.render import clock_time
from releaser.cli.run import Run
from releaser.core import events as e
from releaser.core.story import tell
from releaser.testing.load import Load

__all__ = ["Stagehand"]

BEAT = 0.25
HEARTBEAT = 10.0
BAR = 48
LETTERS = "ox+#"


class Stagehand:
    """Implements ports.Notifier; `chapter` says what goes on in one sentence."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.load: Load | None = None
        self.sentence = ""
        self.versions: list[str] = []
        self.stopped = threading.Event()
        self.live: Any = None
        if not run.machine and run.screen.is_terminal(run.screen.err_stream):
            self.live = _live(run)
        self.thread = threading.Thread(target=self._beat, daemon=True, name="demo-screen")

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.thread.join()
        if self.live:
            self.live.stop()

    def chapter(self, sentence: str) -> None:
        self.sentence = sentence
        self.say(f"== {sentence}")

    def tell(self, entry: e.Entry) -> None:
        if isinstance(entry.event, e.Opened) and entry.event.plan.to.version not in self.versions:
            self.versions.append(entry.event.plan.to.version)
        if worth_telling(entry.event):
            self.say(tell(entry.event), entry.moment.wall)

    def say(self, sentence: str, wall: float | None = None) -> None:
        said = f"{clock_time(wall or time.time())}  {plain(sentence)}"
        if self.live:
            from rich.text import Text

            self.live.console.print(Text(said))
        elif not self.run.machine:
            self.run.screen.note(line(said), indent=10)

    def _beat(self) -> None:
        quiet = time.monotonic()
        while not self.stopped.wait(BEAT):
            if self.live:
                from rich.text import Text

                self.live.update(Text("\n".join(self.now())), refresh=True)
            elif time.monotonic() - quiet > HEARTBEAT:
                quiet = time.monotonic()
                self.say(self.now()[-1])

    def now(self) -> list[str]:
        """The last second of traffic: who answered, how many, how many badly."""
        recent = self._recent()
        by_version = Counter(sent.version for sent in recent if sent.version)
        failed = Counter(sent.version for sent in recent if sent.failed)
        total = sum(by_version.values()) or 1
        bar = "".join(
            LETTERS[index % len(LETTERS)] * round(BAR * by_version[version] / total)
            for index, version in enumerate(self.versions)
        )
        shares = "   ".join(
            f"{LETTERS[index % len(LETTERS)]} {version} {by_version[version] / total:.0%}"
            + (f", {failed[version]} failed" if failed[version] else "")
            for index, version in enumerate(self.versions)
            if by_version[version]
        )
        all_, by_us = self._totals()
        return [
            "",
            self.sentence,
            f"[{bar[:BAR]:<{BAR}}]  {len(recent)} requests/s",
            shares or "no traffic yet",
            f"{all_:,} requests so far, {by_us} failed by us",
        ]

    def _recent(self) -> list[Any]:
        results = self.load.results if self.load else []
        if not results:
            return []
        newest = results[-1].at
        tail = results[-600:]
        return [sent for sent in tail if sent.at > newest - 1.0]

    def _totals(self) -> tuple[int, int]:
        results = self.load.results if self.load else []
        return len(results), sum(sent.failed_by_us for sent in list(results))


def _live(run: Run) -> Any:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    color = run.options.color is not False and run.screen.color is not False
    console = Console(file=run.screen.err_stream, no_color=not color, highlight=False, markup=False, emoji=False)
    live = Live(
        Text(""), console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    live.start()
    return live
