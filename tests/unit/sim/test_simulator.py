"""The simulated world: no invariant breaks under faults, the same seed tells the same story, and a broken one is made short."""

from pathlib import Path

import pytest

from releaser.testing.sim import main, simulate
from releaser.testing.sim_scenario import play

SEEDS = Path(__file__).parents[2] / "data" / "sim-seeds.txt"


def test_many_releases_break_nothing() -> None:
    tally = simulate(7_000_000, 1500, workers=2)
    assert tally.failed == []
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


def test_the_command_prints_what_it_saw(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--releases", "30", "--seed", "5"]) == 0
    assert "promoted" in capsys.readouterr().out
    main(["--trace", "4"])
    assert "4" in capsys.readouterr().out
