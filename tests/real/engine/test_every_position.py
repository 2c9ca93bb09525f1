"""kill -9 of the whole process group at every position of a release, of a way back and of a recovery.

A position is the moment before or after an entry of the journal, or before, during or after an effect. Each kill is followed by
what the next person does: wait until the lease is over, and recover.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from cradle import cradle
from killing import RATE, SCENES, Place, Toll, killed_at_each, reference
from local_environment import QUICKEST, local_environment

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SIDE_BY_SIDE = 4


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
            yield Place(local, [load], born, name)


@pytest.mark.parametrize("name", SCENES)
def test_kill_9_at_every_position(name: str, places: list[Place], capsys: pytest.CaptureFixture[str]) -> None:
    deaths = [(SCENES[name], position) for position in reference(places[0], SCENES[name])]
    assert killed_at_each(deaths, places, name, capsys) == Toll([], [], [])
