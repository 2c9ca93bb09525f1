"""Who keeps a slot running? One small process per slot, bound to nothing of the command line.

It starts the application, notices its end, starts it again after a growing pause, keeps its log small, and stops it
gracefully when asked: by SIGTERM, by the slot's want file, or by a deadline in that. The application writes its log
itself, so that it goes on unharmed when this process is killed; the next one takes it in.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from releaser.onhost import clock, files, logs, processes
from releaser.onhost.answers import Refusal
from releaser.onhost.application import Application, spawn
from releaser.onhost.home import Home, home
from releaser.onhost.lock import claim, locked
from releaser.onhost.processes import Process

__all__ = ["supervise"]

TICK = 0.05
PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds before the next start: doubled at each end, forgotten after a long life."""
LONG_LIFE = 30.0
TAKE_OVER = 5.0
"""Seconds that a new supervisor waits for the old one to let go of the slot."""
DRAIN = 30.0


def supervise(request: dict[str, Any]) -> dict[str, Any]:
    """Run one slot until it is stopped. {path, slot} -> {ended: how}. The slot's want file says what to run."""
    place, slot = home(request), str(request["slot"])
    until = time.monotonic() + TAKE_OVER
    while claim(place.supervisor_lock(slot)) is None:
        if time.monotonic() > until:
            return {"ended": "another supervisor has this slot"}
        time.sleep(TICK)
    return {"ended": Supervisor(place, slot).run()}


class Supervisor:
    """One slot's application, and what is told of it in the slot's status file."""

    def __init__(self, place: Home, slot: str) -> None:
        self.place = place
        self.slot = slot
        want = self._want()
        self.adopted = bool(want.get("adopted"))
        self.application: Application | None = None
        self.asked_to_stop = False
        self.told = True
        self.pause = PAUSE
        self.next_start = clock.seconds()
        self.status: dict[str, Any] = {
            "format": 1,
            "release": want["release"],
            "port": want.get("port"),
            "adopted": self.adopted,
            "boot": clock.boot(place.own),
            "supervisor": processes.find(os.getpid()),
            "restarts": int(want.get("restarts", 0)),
            "rotations": int(want.get("rotations", 0)),
            "last_exit": want.get("last_exit"),
        }

    def run(self) -> str:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._hear)
        self._take_in()
        while True:
            drain = self._stop_asked()
            if drain is not None:
                return self._stop(drain)
            if self.application is None:
                if clock.seconds() >= self.next_start and not self._start():
                    return "failed"
            elif not self.application.runs() and not self._again(self.application):
                return "ended"
            self._rotate()
            if not self.told:
                self._tell()
            time.sleep(TICK)

    def _hear(self, _number: int, _frame: Any) -> None:
        self.asked_to_stop = True

    def _want(self) -> dict[str, Any]:
        return files.read_json(self.place.want(self.slot)) or {}

    def _take_in(self) -> None:
        taken = self._want().get("take_in")
        if taken and processes.alive(Process(*taken)):
            self.application = Application(Process(*taken), None, own_session=not self.adopted)
            self._note("running", "" if self.adopted else "taken over from a supervisor that was killed")

    def _stop_asked(self) -> float | None:
        """The drain time, in seconds, if it is time to stop."""
        want = self._want()
        stop = want.get("stop")
        if stop or self.asked_to_stop:
            return float((stop or want).get("drain", DRAIN))
        if not _is_due(want):
            return None
        return self._retire()

    def _retire(self) -> float | None:
        """`start` may be calling it off right now: whoever holds the target's lock is first."""
        try:
            with locked(self.place.lock, time.monotonic() + 1.0):
                want = self._want()
                if not _is_due(want):
                    return None
                self._note("stopping", "its time as the warm one is over")
        except Refusal:  # somebody works on the target: there is time until the next turn
            return None
        return float(want["retire"]["drain"])

    def _start(self) -> bool:
        """False where the very first start cannot be done: that is an answer, not a reason to try for ever."""
        try:
            self.application = spawn(self.place, self.slot, self._want())
        except (OSError, ValueError) as error:
            if self.status["last_exit"] is None:
                self._note("failed", str(error))
                return False
            self._pause({"code": None, "signal": None, "after": 0.0, "why": str(error)})
            return True
        self._note("running", "")
        return True

    def _again(self, ended: Application) -> bool:
        """Note an end and plan the next start; False where the process was adopted: it is nobody's to start again."""
        self.application = None
        how = ended.ending()
        if self.adopted:
            self.status["last_exit"] = how
            self._note("stopped", "the adopted process ended by itself")
            return False
        ended.send(signal.SIGKILL)  # what it left behind would keep its port
        if how["after"] >= LONG_LIFE:
            self.pause = PAUSE
        self.status["restarts"] += 1
        self._pause(how)
        return True

    def _pause(self, how: dict[str, Any]) -> None:
        words = str(how.get("why") or how["signal"] or f"exit {how['code']}")
        logs.say(self.place, self.slot, f"ended after {how['after']} s ({words}), next start in {self.pause:g} s")
        self.status["last_exit"] = how
        self.next_start = clock.seconds() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        self._note("waiting", f"ended: {words}")

    def _stop(self, drain: float) -> str:
        """TERM, wait for all of it to end within `drain` seconds, then KILL."""
        self._note("stopping", f"up to {drain:g} s for what is under way")
        application, cut = self.application, False
        if application is not None:
            application.send(signal.SIGTERM)
            until = clock.seconds() + drain
            while application.left():
                if not cut and clock.seconds() >= until:
                    cut = True
                    logs.say(self.place, self.slot, f"did not end within {drain:g} s, and was killed")
                    application.send(signal.SIGKILL)
                time.sleep(TICK)
            self.status["last_exit"] = application.ending()
        self.application = None
        self._note("stopped", f"killed after {drain:g} s" if cut else "")
        return "stopped"

    def _rotate(self) -> None:
        if logs.rotate(self.place, self.slot):
            self.status["rotations"] += 1
            self._note(self.status["state"], self.status["note"])

    def _note(self, state: str, note: str) -> None:
        child = self.application.process if self.application is not None else None
        self.status.update({"state": state, "note": note, "child": child})
        self._tell()

    def _tell(self) -> None:
        """On a full disk the application goes on, and what is to be told of it is told as soon as there is room."""
        try:
            files.write_json(self.place.status(self.slot), self.status)
            self.told = True
        except OSError as error:
            if self.told:
                sys.stderr.write(f"{error}\n")
            self.told = False


def _is_due(want: dict[str, Any]) -> bool:
    retire: dict[str, Any] | None = want.get("retire")
    return retire is not None and clock.seconds() >= float(retire["at"])
