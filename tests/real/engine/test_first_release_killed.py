"""kill -9 of the whole process group at every position of the first release: there is nothing to go back to, and yet a way out."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cradle import NOWHERE, Cradle, cradle, distinct_positions
from local_environment import QUICKEST, Local, local_environment

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SIDE_BY_SIDE = 6
TRIES = 3
TIMER = 5.0
PLAYBOOK = QUICKEST.replace("deadman: 2s", "deadman: 5s")
RATE = 40.0
ENDS = {"promoted", "rolled_back", "cancelled", "incomplete"}
"""Incomplete: users were sent to it already, and there is nothing to take them back to; it goes on answering."""


def release_killed(at: str) -> tuple[list[str], bool]:
    """The positions that the first release passed before it died at `at`, and whether it died.

    Afterwards the next one ends it and releases another version, as on a machine where nothing was ever released.
    """
    with local_environment(playbook=PLAYBOOK) as local, cradle(local.environ()) as born:
        local.build("1.0.0")
        local.build("1.1.0")
        told = born.life(local.root, at, "promote", "1.0.0")
        died = {"position": at} in told
        if died:
            time.sleep(TIMER)
            ended = born.life(local.root, NOWHERE, "recover")[-1]["ended"]
            assert {outcome for outcome, _ in ended} <= ENDS, (at, ended)
            assert local.watcher.journal.open_rollouts("test") == []
            assert local.settled(), at
        with local.traffic(RATE):
            assert promoted(local, born), at
        return distinct_positions(told), died


def promoted(local: Local, born: Cradle) -> bool:
    """Whether another version finds the place as any release would. A machine this busy may miss a router's timer."""
    outcomes = (born.life(local.root, NOWHERE, "promote", "1.1.0")[-1]["ended"][0][0] for _ in range(TRIES))
    return "promoted" in outcomes and local.split() == {"1.1.0": 100}


def test_a_first_release_that_dies_anywhere_leaves_a_place_to_release_to(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    positions, _ = release_killed(NOWHERE)
    assert len(positions) > 20

    def reached(at: str) -> bool:
        return any(release_killed(at)[1] for _ in range(TRIES))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        died = dict(zip(positions, pool.map(reached, positions), strict=True))
    missed = [at for at, there in died.items() if not there]
    with capsys.disabled():
        sys.stdout.write(
            f"\nfirst release: killed at {len(positions) - len(missed)} of {len(positions)} positions in "
            f"{time.monotonic() - began:.0f} s; not reached: {missed or 'none'}\n"
        )
    assert missed == []
