"""Does anybody lose a request while shares move, the router is reloaded, and processes are replaced behind it?

One router and two slots on this machine. Every second the split is written; a slot that had no share for two of them, and has
nothing under way, is ended and another version is started in it; every few seconds the router reads its configuration again.
Users ask from a process of their own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.managed import lay_out, managed
from releaser.adapters.routers.managed_kinds import ManagedRouter, Options
from releaser.core.values import SLOTS, Binding, Slot, Split
from releaser.onhost import recipe
from releaser.onhost.answers import Refusal
from releaser.testing import app
from releaser.testing.load import Sent

__all__ = ["Busy", "Report", "shift_under_load"]

SHARES = (5, 25, 50, 100, 100, 100, 50, 0, 0, 0)
"""Percent for green, one after the other: at the third 100 blue is replaced, at the third 0 green."""
PATIENCE = 20.0
EVERY_RELOAD = 4


@dataclass
class Report:
    """What was done, and what users saw of it."""

    shifts: int = 0
    reloads: int = 0
    replaced: int = 0
    sent: list[Sent] = field(default_factory=list)
    unlogged: list[Sent] = field(default_factory=list)
    """Answers in the name of a version whose own log does not know the request, or knows another status of it."""

    @property
    def failed_by_us(self) -> list[Sent]:
        return [one for one in self.sent if one.failed_by_us]


class Busy:
    """The router and its slots; `close` ends everything."""

    def __init__(self, options: Options, directory: Path, ports: Mapping[Slot, int]) -> None:
        self.directory, self.ports = directory, ports
        self.router: ManagedRouter = managed(options, directory / "router", ports)
        self.versions: dict[Slot, str] = {}
        self._apps: dict[Slot, subprocess.Popen[bytes]] = {}
        self._generation = 1000
        self._made = 0
        lay_out(self.router)
        self._log = (directory / "router.log").open("ab")
        argv = [
            "-W" if word == "-db" else word for word in self.router.argv
        ]  # HAProxy with a master, as packages run it
        self._router = subprocess.Popen(argv, stdout=self._log, stderr=self._log, start_new_session=True)
        self._eventually(self.router.ready)

    def log_of(self, version: str) -> Path:
        return self.directory / f"{version}.log"

    @property
    def _binding(self) -> Binding:
        blue, green = (f"{self.versions[slot]}-00000000" for slot in SLOTS)
        return (("blue", blue), ("green", green))

    def shift(self, green: int) -> None:
        self._generation += 1
        shares = {"blue": 100 - green, "green": green}
        split = Split.of({release: shares[slot] for slot, release in self._binding})
        write = self.router.dialect.write(split, self._binding, self._generation)
        self._run((*write, *self.router.dialect.look(self._generation)))

    def drain(self, slot: Slot) -> None:
        """Until the router has nothing of it under way, where it can tell."""
        until, release = time.monotonic() + PATIENCE, dict(self._binding)[slot]
        while self.router.dialect.tally(self._run(self.router.dialect.count()), self._binding)[release].active:
            if time.monotonic() > until:
                raise TimeoutError(f"{slot} has no share and goes on working")
            time.sleep(0.05)

    def replace(self, slot: Slot) -> None:
        """End what runs in a slot; start another version there."""
        if slot in self._apps:
            self._apps[slot].terminate()
            self._apps[slot].wait(PATIENCE)
        self._made += 1
        self.versions[slot] = f"1.{self._made}.0"
        command = [
            sys.executable,
            "-I",
            app.__file__,
            "--port",
            str(self.ports[slot]),
            "--version",
            self.versions[slot],
        ]
        self._apps[slot] = subprocess.Popen([*command, "--log", str(self.log_of(self.versions[slot]))])
        url = f"http://127.0.0.1:{self.ports[slot]}/healthz"
        self._eventually(({"do": "http", "url": url, "expect": self.versions[slot], "within": 1.0},))

    def reload(self) -> bool:
        """Read the configuration again, and wait until the new process answers; False: this router has no such thing."""
        if self.router.kind != "haproxy":
            return False
        before = self._worker()
        self._router.send_signal(signal.SIGUSR2)
        until = time.monotonic() + PATIENCE
        while self._worker() in ("", before):
            if time.monotonic() > until:
                raise TimeoutError("HAProxy did not take its configuration anew")
            time.sleep(0.02)
        return True

    def close(self) -> None:
        for process in self._apps.values():
            process.kill()
            process.wait()
        os.killpg(self._router.pid, signal.SIGKILL)
        self._router.wait()
        self._log.close()

    def _worker(self) -> str:
        """Which of HAProxy's processes answers; empty for a moment where none does."""
        try:
            told = self._run(self.router.ready)[0]
        except Refusal:
            return ""
        return next(line for line in told.splitlines() if line.startswith("Pid: "))

    def _run(self, operations: Recipe) -> list[str]:
        return recipe.run([dict(operation) for operation in operations], time.monotonic() + PATIENCE)

    def _eventually(self, operations: Recipe) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._run(operations)
            except Refusal:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return


def shift_under_load(
    options: Options, directory: Path, ports: Mapping[Slot, int], *, rate: float, seconds: float, fresh: float = 0.2
) -> Report:
    """`rate` requests a second for `seconds`, of which the share `fresh` comes on a connection of its own."""
    busy, report = Busy(options, directory, ports), Report()
    try:
        busy.replace("blue")
        busy.replace("green")
        busy.shift(0)
        with _users(f"http://127.0.0.1:{options.listen}/", directory / "sent.jsonl", rate, fresh, report):
            _move(busy, report, time.monotonic() + seconds)
    finally:
        busy.close()
    logs = {one.version: busy.log_of(one.version) for one in report.sent if one.version}
    known = {version: app.logged(log) for version, log in logs.items()}
    report.unlogged = [one for one in report.sent if one.version and known[one.version].get(one.id) != str(one.status)]
    return report


def _move(busy: Busy, report: Report, until: float) -> None:
    last, same = -1, 0
    for green in cycle(SHARES):
        second = time.monotonic() + 1.0
        busy.shift(green)
        report.shifts += 1
        same = same + 1 if green == last else 1
        if same == 3:
            leaving: Slot = "green" if green == 0 else "blue"
            busy.drain(leaving)
            busy.replace(leaving)
            report.replaced += 1
        last = green
        if report.shifts % EVERY_RELOAD == 0:
            report.reloads += busy.reload()
        if second >= until:
            return
        time.sleep(max(0.0, second - time.monotonic()))


@contextmanager
def _users(url: str, out: Path, rate: float, fresh: float, report: Report) -> Iterator[None]:
    words: Sequence[str] = ["--rate", str(rate), "--fresh", str(fresh), "--name", "shifts", "--out", str(out)]
    argv = [sys.executable, "-m", "releaser.testing.load", url, *words]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
    report.sent += [Sent(**json.loads(line)) for line in out.read_text().splitlines()]
