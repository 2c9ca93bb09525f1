"""One death after the other in one environment: a scene, the process in it that is killed, and what is found and done afterwards."""

import queue
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from cradle import NOWHERE, Cradle, distinct_positions
from local_environment import Local

from releaser.engine.observe import Observed
from releaser.testing.load import Load, Sent

__all__ = ["RATE", "SCENES", "Place", "Scene", "Toll", "killed_at_each", "reference"]

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
    loads: Sequence[Load]
    """Of each router."""
    cradle: Cradle
    name: str
    timer: float = TIMER
    """Seconds until its routers go back by themselves."""
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

    def failures(self) -> list[Sent]:
        """Failed requests that no bad version has answered."""
        return [one for one in self.results() if one.failed and one.version not in self.bad]

    def results(self) -> list[Sent]:
        return [one for load in self.loads for one in load.results]


def reference(place: Place, scene: Scene) -> list[str]:
    """The positions of one undisturbed run."""
    found = distinct_positions(kill(place, scene, NOWHERE), scene.since)
    assert found, f"{scene}: the process before it died nowhere, so there was nothing to do"
    return found


def act(place: Place, scene: Scene, at: str) -> list[dict[str, Any]]:
    """The scene up to the process that is killed, and that one."""
    if scene.verb == "promote":
        return place.run(at, "promote", place.version(scene.fault))
    for _ in range(TRIES):
        told = place.run(scene.first, "promote", place.version(scene.fault))
        if scene.first == NOWHERE or {"position": scene.first} in told:
            break
    time.sleep(place.timer if scene.first != NOWHERE else 0.0)
    return place.run(at, scene.verb)


def clean(place: Place, told: Sequence[dict[str, Any]], ends: Sequence[str]) -> None:
    """Each router's users are on one release within the timer, without us; then a recovery ends what was begun, everywhere alike."""
    local = place.local
    died = "ended" not in told[-1]
    if died:
        time.sleep(place.timer)
        local.until(lambda: set(serving(local.watcher.observe())) <= set(ends), LATEST, f"{ends}")
    ended = (place.run(NOWHERE, "recover")[-1] if died else told[-1])["ended"]
    assert {outcome for outcome, _ in ended} <= ENDS, ended
    assert local.watcher.journal.open_rollouts("test") == []
    observed = local.watcher.observe()
    for state in observed.ledgers.values():
        assert (state.armed_left, state.holder, state.candidate) == (None, None, None)
    (everywhere,) = set(serving(observed))
    assert everywhere in ends
    assert versions(str(state.current) for state in observed.ledgers.values()) == [everywhere] * len(observed.routers)


def serving(observed: Observed) -> list[str]:
    """By router: the version that all of its users are sent to, as itself says; empty where they are not all sent to one."""
    splits = [state.split.weights if state.split else () for _, state in sorted(observed.routers.items())]
    return [versions([split[0][0]])[0] if len(split) == 1 else "" for split in splits]


def versions(releases: Iterable[str]) -> list[str]:
    return [name.rpartition("-")[0] for name in releases]


def kill(place: Place, scene: Scene, at: str) -> list[dict[str, Any]]:
    """Everything up to a clean environment again; what the process told that was killed."""
    before = next(iter(place.local.watcher.observe().ledgers.values()))
    told = act(place, scene, at)
    good = versions(before.good)
    clean(place, told, good[:1] if scene.fault != "none" else [f"2.{place.number}.0", *good[:2]])
    return told


@dataclass(frozen=True)
class Toll:
    """What came of many kills: nothing of any kind, if all is well."""

    missed: list[str]
    """Positions that were not reached in some tries."""
    wrong: list[str]
    failed: list[Sent]


def killed_at_each(
    deaths: Sequence[tuple[Scene, str]], places: Sequence[Place], what: str, capsys: pytest.CaptureFixture[str]
) -> Toll:
    """Kills at each position, in all environments at once, and prints one line of figures."""
    began = time.monotonic()
    missed, wrong = covered(places, deaths)
    requests = sum(len(place.results()) for place in places)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{what}: killed at {len(deaths) - len(missed)} of {len(deaths)} positions in "
            f"{time.monotonic() - began:.0f} s; {requests} requests so far; not reached: {missed or 'none'}\n"
        )
    return Toll(missed, wrong, [one for place in places for one in place.failures()])


def covered(places: Sequence[Place], deaths: Sequence[tuple[Scene, str]]) -> tuple[list[str], list[str]]:
    """(positions that were not reached in some tries, what went wrong), with all environments at work.

    What went wrong ends it: the positions after that are among those that were not reached.
    """
    todo: queue.SimpleQueue[tuple[Scene, str]] = queue.SimpleQueue()
    for death in deaths:
        todo.put(death)
    reached: set[tuple[Scene, str]] = set()
    wrong: list[str] = []

    def work(place: Place) -> None:
        while not wrong:
            try:
                scene, position = todo.get_nowait()
            except queue.Empty:
                return
            try:
                if any({"position": position} in kill(place, scene, position) for _ in range(TRIES)):
                    reached.add((scene, position))
            except AssertionError as error:
                wrong.append(f"{place.name}, {position}: {error}")

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [death[1] for death in deaths if death not in reached], wrong
