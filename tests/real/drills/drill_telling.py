"""What does a `releaser` process tell, an event a line, while something else goes on?"""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["EndedError", "Telling", "eventually"]


class EndedError(Exception):
    """The process ended before it said what was waited for."""


class Telling:
    """Everything that a process with `-o jsonl` has said so far; it is read by a thread of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[Mapping[str, Any]] = []
        """Each with its kind, and `at`: the wall clock of its line in the journal."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def of(self, kind: str, **fields: Any) -> list[Mapping[str, Any]]:
        return [
            event
            for event in list(self.events)
            if event["kind"] == kind and all(event.get(name) == value for name, value in fields.items())
        ]

    def until(self, kind: str, within: float, count: int = 1, **fields: Any) -> Mapping[str, Any]:
        """The last of that many. Raises EndedError where the process ends first, RuntimeError where it is too late."""
        eventually(lambda: len(self.of(kind, **fields)) >= count or self.process.poll() is not None, within, kind)
        self._heard()
        found = self.of(kind, **fields)
        if len(found) < count:
            raise EndedError(f"the process ended before {kind}: {self.events[-1:]}")
        return found[count - 1]

    def ended(self, within: float) -> bool:
        """Whether it ended in time."""
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        self._heard()
        return True

    def _heard(self) -> None:
        if self.process.poll() is not None:
            self._reader.join(10)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            if "event" in told:
                self.events.append({**told["event"], "at": told["at"]})


def eventually(condition: Callable[[], bool], within: float, what: str) -> None:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {within:g} s: {what}")
        time.sleep(0.02)
