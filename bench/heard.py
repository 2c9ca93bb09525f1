"""How long from an abort or a signal to the decision in the journal, while an effect is running?

The effect is the rehearsal, which takes more than a second on any machine: the request is made in the middle of it, and the
release must have turned back before it ends. Each turn is a real `releaser promote` in a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from bench.figures import Figure, quantile
from bench.place import Place, place
from releaser.core import events as e

LIMIT = 100.0
"""Milliseconds."""
IN_THE_MIDDLE = 0.3
"""Seconds after the rehearsal was ordered."""
TOO_LONG = 60.0
"""Seconds for one release: then it is killed, and nothing was measured."""
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
VERSION = "2.0.0"


@dataclass(frozen=True)
class Heard:
    """Milliseconds from the request to the decision as journaled, and to the asker's answer (None: a signal has none)."""

    decided: float
    answered: float | None = None


def measure(*, quick: bool) -> list[Figure]:
    turns = 3 if quick else 25
    figures = []
    with place() as here:
        here.build(VERSION)
        for name in SIGNALS:
            heard = [_turn(here, partial(_signal, name)) for _ in range(turns)]
            figures.append(_figure(f"{name} -> turned back, p99", [one.decided for one in heard]))
        heard = [_turn(here, partial(_abort, here)) for _ in range(turns)]
        figures.append(_figure("abort -> turned back, p99", [one.decided for one in heard]))
        figures.append(_figure("abort -> its answer, p99", [one.answered for one in heard if one.answered is not None]))
    return figures


def _figure(name: str, spent: list[float]) -> Figure:
    how = f"real, {len(spent)} releases, each in the middle of a rehearsal; median {quantile(spent, 0.5):.0f} ms"
    return Figure(f"heard: {name}", quantile(spent, 0.99), "ms", LIMIT, None, how)


def _turn(here: Place, ask: Callable[["subprocess.Popen[str]"], tuple[float, float | None]]) -> Heard:
    argv = [
        sys.executable,
        "-m",
        "releaser",
        "promote",
        VERSION,
        "-e",
        "bench",
        "--playbook",
        "held",
        "-y",
        "-o",
        "jsonl",
    ]
    with subprocess.Popen(
        [*argv, "--folder", str(here.root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(here.environ),
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(TOO_LONG, process.kill)
        watchdog.start()
        _until_rehearsing(process)
        time.sleep(IN_THE_MIDDLE)
        asked, answered = ask(process)
        process.communicate()
        watchdog.cancel()
    events = [(type(entry.event), entry.moment.wall) for entry in here.entries(VERSION)]
    decided = next((wall for kind, wall in events if kind is e.TurnedBack), None)
    if decided is None:
        told = ", ".join(kind.__name__ for kind, _ in events)
        raise RuntimeError(f"promote ended with {process.returncode} and never turned back: {told}")
    if any(kind is e.Rehearsed and wall < decided for kind, wall in events):
        raise RuntimeError("the rehearsal was over before the request was heard: nothing was measured")
    return Heard((decided - asked) * 1000, None if answered is None else (answered - asked) * 1000)


def _until_rehearsing(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("event", {}).get("command", {}).get("kind") == "Rehearse":
            return
    raise RuntimeError("the release ended before its rehearsal")


def _signal(name: str, process: "subprocess.Popen[str]") -> tuple[float, None]:
    asked = time.time()
    os.kill(process.pid, getattr(signal, name))
    return asked, None


def _abort(here: Place, process: "subprocess.Popen[str]") -> tuple[float, float]:
    """From another process than the release's, as `releaser abort` asks once it is loaded."""
    with closing(here.session()) as session:
        session.running()
        asked = time.time()
        session.ask(e.Asked("abort", "bench", "measured"), wait=time.sleep)
        return asked, time.time()
