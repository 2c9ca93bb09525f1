"""Releaser processes that kill themselves: a line [FOLDER, OUT, AT, VERB, WORDS ...] on stdin each, its exit status on stdout.

Each is a process and a group of its own, forked from this one only to save the imports. It opens the environment "test" as the
command line does, with a journal and ports that call out every position that they pass; at position AT the whole group gets
SIGKILL. Every position, and the end, are lines of the file OUT.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from releaser.adapters.hosts import target as _target  # noqa: F401 - what a release imports late, once for all of them
from releaser.adapters.probes import http as _http  # noqa: F401 - as above
from releaser.adapters.routers import managed as _managed  # noqa: F401 - as above
from releaser.adapters.routers import site as _site  # noqa: F401 - as above
from releaser.config.observed import Refusals
from releaser.core import events as e
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.engine import carrying as _carrying  # noqa: F401 - as above
from releaser.engine import planning as _planning  # noqa: F401 - as above
from releaser.engine.places import journal_path
from releaser.engine.session import Session
from releaser.engine.wiring import Wiring
from releaser.ports import Site, World
from releaser.store.sqlite import SqliteJournal

NOWHERE = "nowhere"
IN_THE_MIDDLE = 0.02
"""Seconds from the beginning of an effect to its "during": the agent on the host has begun by then and has not answered."""
PLANS = 5
CHANGING = frozenset({"acquire", "settle", "place", "start", "stop", "collect", "rehearse", "arm", "shift"})
"""The calls of ports that change something. A renewal is none of them: it comes whenever it likes."""


@dataclass
class Reaper:
    """Counts the positions of each kind; the one that `at` names is the last."""

    at: str
    out: Path
    seen: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, name: str) -> None:
        with self.lock:
            self.seen[name] += 1
            position = f"{name} #{self.seen[name]}"
            self.say({"position": position})
            if position == self.at:
                os.killpg(0, signal.SIGKILL)

    def say(self, told: Mapping[str, Any]) -> None:
        with self.out.open("a") as file:
            file.write(json.dumps(told) + "\n")


class DyingJournal(SqliteJournal):
    """The real journal; each write has a moment before it and one after it."""

    def __init__(self, path: Path, reaper: Reaper) -> None:
        super().__init__(path)
        self.reaper = reaper

    def append(self, entries: Sequence[e.Entry], *, patience: float | None = None) -> None:
        name = f"journal {named(entries[-1].event)}"
        self.reaper.passes(f"before {name}")
        super().append(entries, patience=patience)
        self.reaper.passes(f"after {name}")


def named(event: e.Event) -> str:
    return f"Issued({type(event.command).__name__})" if isinstance(event, e.Issued) else type(event).__name__


@dataclass
class Dying:
    """A real port; each call that changes something has a moment before, one during and one after it."""

    port: Any
    reaper: Reaper

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        return self._dying(name, found) if name in CHANGING else found

    def _dying(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*args: Any, **kwargs: Any) -> Any:
            # A start ends what its slot still keeps warm, if anything: that stop has numbers of its own.
            effect = "stop at once" if name == "stop" and not kwargs["after"] else name
            self.reaper.passes(f"before effect {effect}")
            middle = threading.Timer(IN_THE_MIDDLE, self.reaper.passes, (f"during effect {effect}",))
            middle.daemon = True
            middle.start()
            answer = call(*args, **kwargs)
            middle.cancel()
            self.reaper.passes(f"after effect {effect}")
            return answer

        return dying


@dataclass(slots=True)
class DyingWiring(Wiring):
    """The real wiring; what changes the world passes the reaper."""

    reaper: Reaper | None = None

    def world(self, *args: Any, **options: Any) -> World:
        real = Wiring.world(self, *args, **options)  # not super(): a class with slots is made twice
        wrap = self._wrap
        targets = {name: wrap(target) for name, target in real.targets.items()}
        sites = {
            name: Site(wrap(site.router), site.counters, wrap(site.switch), wrap(site.ledger))
            for name, site in real.sites.items()
        }
        return replace(real, targets=targets, sites=sites)

    def _wrap(self, port: Any) -> Any:
        return Dying(port, self.reaper) if self.reaper else port


def opened(folder: Path, reaper: Reaper) -> Session:
    session = Session.open("test", folder, environ=os.environ, by="ada@here")
    session.wiring = DyingWiring(session.environment, session.registry, session.by, folder, reaper=reaper)
    session.journal = DyingJournal(journal_path(os.environ), reaper)
    return session


def promote(session: Session, version: str) -> Rollout:
    return session.drive(planned(lambda: session.plan(version)))


def rollback(session: Session) -> Rollout:
    return session.drive(planned(lambda: session.plan_rollback(mark_bad=False, freeze=0.0)))


def planned(make: Callable[[], object]) -> Plan:
    """Asked again where a machine this busy gave no answer in time: that refusal is right, and says nothing of a death."""
    for _ in range(PLANS):
        made = make()
        if not (isinstance(made, Refusals) and {one.code for one in made.items} == {"unreachable"}):
            break
    assert isinstance(made, Plan), made
    return made


def recover(session: Session) -> list[Rollout]:
    """What the next promote does first, once the dead one's lease is over; waits for that."""
    until = time.monotonic() + 20.0
    while not session.abandoned() and session.running() and time.monotonic() < until:
        time.sleep(0.2)
    return session.clear_the_way()


def live(folder: str, out: str, at: str, verb: str, *words: str) -> None:
    reaper = Reaper(at, Path(out))
    session = opened(Path(folder), reaper)
    ended = {"promote": promote, "rollback": rollback, "recover": recover}[verb](session, *words)  # type: ignore[operator]  # a table of functions with different words
    rollouts = ended if isinstance(ended, list) else [ended]
    reaper.say({"ended": [[str(one.outcome), one.finished.why if one.finished else ""] for one in rollouts]})
    session.close()


def born(order: list[str]) -> int:
    """The exit status of one life; below 0 the signal that ended it."""
    child = os.fork()
    if not child:
        os.setsid()
        try:
            live(*order)
        except BaseException:  # noqa: BLE001 - whatever it was, this process must not go on as a second parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{born(json.loads(line))}\n")
        sys.stdout.flush()
