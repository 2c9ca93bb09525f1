"""kill -9 of the whole process group at every position of a release, of a way back and of a recovery.

A position is the moment before or after an entry of the journal, or before, during or after an effect. Each kill is followed by
what the next person does: wait until the lease is over, and recover.
"""

import queue
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cradle import NOWHERE, Cradle, cradle, distinct_positions
from local_environment import QUICKEST, Local, local_environment

from releaser.engine.observe import Observed
from releaser.testing.load import Load

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SIDE_BY_SIDE = 4
TRIES = 3
"""A position that a slow machine let a process miss gets another process."""
RATE = 40.0
TIMER = 2.0
LATEST = 8.0
"""Seconds after the end of the timer in which a machine that is this busy must have gone back."""
ENDS = {"promoted", "rolled_back", "cancelled"}


@dataclass(frozen=True)
class Scene:
    """Which process is killed. `fault` is the candidate's; `first` is where its promote is killed before the recovery is."""

    verb: str
    fault: str = "none"
    first: str = NOWHERE
    since: str = ""
    """Positions before this one are another scene's."""


SCENES = {
    "forward": Scene("promote"),
    "the judge's way back": Scene("promote", "errors:1.0", since="before journal TurnedBack #1"),
    "rollback by hand": Scene("rollback"),
    "recovery of a canary": Scene("recover", first="after journal Shifted #1"),
    "recovery of a commit": Scene("recover", first="after effect settle #1"),
}


@dataclass
class Place:
    """One environment with its users, for many kills one after the other."""

    local: Local
    load: Load
    cradle: Cradle
    name: str
    number: int = 0
    bad: set[str] = field(default_factory=set)

    def version(self, fault: str) -> str:
        self.number += 1
        version = f"2.{self.number}.0"
        self.local.build(version, fault)
        if fault != "none":
            self.bad.add(version)
        return version

    def run(self, at: str, verb: str, *words: str) -> list[dict[str, Any]]:
        return self.cradle.life(self.local.root, at, verb, *words)

    def failures(self) -> list[Any]:
        """Failed requests that no bad version has answered."""
        return [one for one in self.load.results if one.failed and one.version not in self.bad]


def reference(place: Place, scene: Scene) -> list[str]:
    """The positions of one undisturbed run."""
    return distinct_positions(kill(place, scene, NOWHERE), scene.since)


def act(place: Place, scene: Scene, at: str) -> list[dict[str, Any]]:
    """The scene up to the process that is killed, and that one."""
    if scene.verb == "promote":
        return place.run(at, "promote", place.version(scene.fault))
    for _ in range(TRIES):
        told = place.run(scene.first, "promote", place.version(scene.fault))
        if scene.first == NOWHERE or {"position": scene.first} in told:
            break
    time.sleep(TIMER if scene.first != NOWHERE else 0.0)
    return place.run(at, scene.verb)


def clean(place: Place, told: Sequence[dict[str, Any]], ends: Sequence[str]) -> None:
    """Users are on one release within the timer, without us; then a recovery ends what was begun."""
    local = place.local
    died = "ended" not in told[-1]
    if died:
        time.sleep(TIMER)
        local.until(lambda: serving(local.watcher.observe()) in ends, LATEST, f"{ends}")
    ended = (place.run(NOWHERE, "recover")[-1] if died else told[-1])["ended"]
    assert {outcome for outcome, _ in ended} <= ENDS, ended
    assert local.watcher.journal.open_rollouts("test") == []
    observed = local.watcher.observe()
    (state,) = observed.ledgers.values()
    assert (state.armed_left, state.holder, state.candidate) == (None, None, None)
    assert serving(observed) in ends
    assert state.current is not None
    assert versions([state.current]) == [serving(observed)]


def serving(observed: Observed) -> str:
    """The version that all users are sent to, as the router says; empty where they are not all sent to one."""
    (state,) = observed.routers.values()
    weights = state.split.weights if state.split else ()
    return versions([weights[0][0]])[0] if len(weights) == 1 else ""


def versions(releases: Iterable[str]) -> list[str]:
    return [name.rpartition("-")[0] for name in releases]


def kill(place: Place, scene: Scene, at: str) -> list[dict[str, Any]]:
    """Everything up to a clean environment again; what the process told that was killed."""
    (state,) = place.local.watcher.observe().ledgers.values()
    told = act(place, scene, at)
    good = versions(state.good)
    clean(place, told, good[:1] if scene.fault != "none" else [f"2.{place.number}.0", *good[:2]])
    return told


def covered(places: Sequence[Place], scene: Scene) -> tuple[list[str], list[str], list[str]]:
    """(positions, those that were not reached in two tries, what went wrong), with all environments at work."""
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    positions = reference(places[0], scene)
    for position in positions:
        todo.put(position)
    missed: list[str] = []
    wrong: list[str] = []

    def work(place: Place) -> None:
        while not wrong:
            try:
                position = todo.get_nowait()
            except queue.Empty:
                return
            try:
                if not any({"position": position} in kill(place, scene, position) for _ in range(TRIES)):
                    missed.append(position)
            except AssertionError as error:
                wrong.append(f"{place.name}, {position}: {error}")

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return positions, missed, wrong


@pytest.fixture(scope="module")
def places() -> Iterator[list[Place]]:
    """Several environments, each with 1.0.0 serving and users."""
    with ExitStack() as stack:
        yield [stack.enter_context(made(f"environment {number}")) for number in range(SIDE_BY_SIDE)]


@contextmanager
def made(name: str) -> Iterator[Place]:
    with local_environment(playbook=QUICKEST) as local:
        local.promote("1.0.0")
        with cradle(local.environ()) as born, local.traffic(RATE) as load:
            yield Place(local, load, born, name)


@pytest.mark.parametrize("name", SCENES)
def test_kill_9_at_every_position(name: str, places: list[Place], capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    positions, missed, wrong = covered(places, SCENES[name])
    requests = sum(len(place.load.results) for place in places)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: killed at {len(positions) - len(missed)} of {len(positions)} positions in "
            f"{time.monotonic() - began:.0f} s; {requests} requests so far; not reached: {missed or 'none'}\n"
        )
    assert wrong == []
    assert missed == []
    assert [one for place in places for one in place.failures()] == []
