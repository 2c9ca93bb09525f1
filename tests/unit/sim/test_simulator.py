"""The simulated world: no invariant breaks under faults, the same seed tells the same story, and a broken one is made short."""

import os
from pathlib import Path

import pytest

from releaser.testing.sim import Tally, main, play_all, shrink
from releaser.testing.sim_scenario import Result, play

SEEDS = Path(__file__).parents[2] / "data" / "sim-seeds.txt"
FRESH = 1500
"""Seeds that no run has had before; the first one is printed, so that a failure can be played again."""


def test_fresh_seeds_break_nothing() -> None:
    first = int.from_bytes(os.urandom(4))
    tally = play_all(range(first, first + FRESH))
    assert tally.broken == [], f"python -m releaser.testing.sim --trace {min(tally.broken)}"
    assert {"promoted", "rolled_back"} <= set(tally.outcomes)


@pytest.mark.parametrize("seed", [int(line) for line in SEEDS.read_text().split()])
def test_seeds_that_broke_something_once(seed: int) -> None:
    result = play(seed)
    assert result.violation is None, str(result.violation)


def test_two_runs_of_a_seed_are_the_same_to_the_byte() -> None:
    for seed in range(20):
        first, again = play(seed, traced=True), play(seed, traced=True)
        assert "\n".join(first.trace) == "\n".join(again.trace)
        assert first.trace


def test_a_script_without_what_breaks_it_is_not_made_shorter() -> None:
    faults, result = shrink(3)
    assert result.violation is None
    assert faults == play(3).faults


def test_what_is_seldom_seen_is_named() -> None:
    tally = Tally()
    for _ in range(3000):
        tally.outcomes["promoted"] += 1
        tally.releases += 1
    tally.faults["reboot"] = 3
    assert tally.rare() == ["reboot"]


def test_the_command_prints_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--releases", "30", "--seed", "5"]) == 0
    told = capsys.readouterr().out
    assert "outcomes:" in told
    assert "seeds with a violation: 0" in told
    assert main(["--trace", "4"]) == 0
    assert "seed 4" in capsys.readouterr().out


def test_results_are_made_of_what_happened() -> None:
    result = play(1)
    assert isinstance(result, Result)
    assert result.phases
