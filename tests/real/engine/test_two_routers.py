"""kill -9 of the whole process group while it writes to two routers: between the two writes, and during each of them.

Wherever it dies, both routers end on the same release. RELEASER_KILL=all kills at every position that there is (some minutes);
without it only where one router has been told something that the other has not.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from cradle import cradle
from killing import RATE, SCENES, Place, Scene, Toll, killed_at_each, reference
from local_environment import QUICKEST, local_environment

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]

EVERYWHERE = os.environ.get("RELEASER_KILL") == "all"
TIMER = 5.0
PLAYBOOK = QUICKEST.replace("deadman: 2s", "deadman: 5s")
"""Two routers are twice the work for a busy machine, and a shift may take as long as the timer."""
SIDE_BY_SIDE = 4 if EVERYWHERE else 2
SAMPLE = "half way"
HALF_WAY = (
    ("forward", "after effect arm #1"),
    ("forward", "after effect shift #1"),
    ("forward", "during effect shift #4"),
    ("forward", "after effect settle #1"),
    ("the judge's way back", "after effect shift #3"),
    ("rollback by hand", "after effect shift #1"),
)


@pytest.fixture(scope="module")
def places() -> Iterator[list[Place]]:
    """Several environments, each with two routers, 1.0.0 serving behind both, and users of both."""
    with ExitStack() as stack:
        yield [stack.enter_context(made(f"environment {number}")) for number in range(SIDE_BY_SIDE)]


@contextmanager
def made(name: str) -> Iterator[Place]:
    with local_environment(playbook=PLAYBOOK, two=True) as local:
        local.promote("1.0.0")
        born, users = cradle(local.environ()), local.traffic(RATE / 2)
        with born as alive, users as web, local.traffic(RATE / 2, listen=local.beside) as mobile:
            yield Place(local, [web, mobile], alive, name, TIMER)


def deaths(name: str, places: Sequence[Place]) -> list[tuple[Scene, str]]:
    if name == SAMPLE:
        return [(SCENES[scene], position) for scene, position in HALF_WAY]
    return [(SCENES[name], position) for position in reference(places[0], SCENES[name])]


@pytest.mark.parametrize("name", SCENES if EVERYWHERE else [SAMPLE])
def test_kill_9_while_two_routers_are_written(
    name: str, places: list[Place], capsys: pytest.CaptureFixture[str]
) -> None:
    toll = killed_at_each(deaths(name, places), places, f"{name}, two routers", capsys)
    assert toll == Toll([], [], [])
    served = [sum(len(place.loads[router].results) for place in places) for router in (0, 1)]
    assert min(served) > 0
