"""The simulated world: no invariant breaks under faults, the same seed tells the same story, and a broken one is made short."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from releaser.core.events import Entry, TurnedBack
from releaser.core.rollout import Rollout
from releaser.testing.faults import FAULTS, Fault, draw, script
from releaser.testing.invariants import COVERED, Violation
from releaser.testing.sim import OUTCOMES, Tally, main, shrink, simulate
from releaser.testing.sim_acts import ACTS
from releaser.testing.sim_process import Process
from releaser.testing.sim_scenario import Canary, Scenario, play
from releaser.testing.sim_time import Timeline

SEEDS = Path(__file__).parents[2] / "data" / "sim-seeds.txt"


@pytest.mark.timeout(300)
def test_many_fresh_releases_break_nothing_and_see_everything() -> None:
    first = 1_000_000_000 + int(time.time()) // 60 * 10_000  # other seeds each minute; a failure names its own
    tally = simulate(first, 3000, workers=2)
    assert tally.failed == []
    assert set(tally.outcomes) == set(OUTCOMES)
    assert tally.rare() == []
    assert tally.mistaken < 0.01 * tally.releases


@pytest.mark.parametrize("seed", [int(line) for line in SEEDS.read_text().split()])
def test_seeds_that_broke_something_once(seed: int) -> None:
    result = play(seed)
    assert result.violation is None, str(result.violation)


@pytest.mark.parametrize("seed", [21001839, 21027993])
def test_a_rise_that_waited_for_its_thread_is_not_begun_once_the_release_goes_back(seed: int) -> None:
    """It came after the order to go back had reached the other router, and users rose on one of the two for a moment."""
    result = play(seed, [Fault("defect", ("effect", 17))])
    assert result.outcomes == ["rolled_back"]
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


def test_the_workers_do_not_change_the_result() -> None:
    assert simulate(0, 100, workers=1).digest == simulate(0, 100, workers=2).digest


def test_the_files_under_test_are_covered(tmp_path: Path) -> None:
    under_test = ",".join(
        f"*/engine/{name}.py" for name in ("loop", "perform", "leases", "recover", "keeper", "recorder")
    )
    base = [sys.executable, "-m", "coverage"]
    data = f"--data-file={tmp_path / 'coverage'}"
    run = ["run", "--branch", f"--include={under_test}", data, "-m", "releaser.testing.sim", "--releases", "400"]
    subprocess.run([*base, *run], check=True, capture_output=True, cwd=tmp_path)
    report = [*base, "report", data, "--format=total"]
    total = subprocess.run(report, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert int(total) >= 85


def test_a_jump_of_the_wall_clock_changes_no_decision() -> None:
    jump = Fault("clock_jump", ("at", 60.0), seconds=86400.0)
    for seed in range(12):
        told, again = play(seed, [], traced=True), play(seed, [jump], traced=True)
        assert [line for line in again.trace if "FAULT" not in line] == told.trace


def test_one_shape_alone_is_the_shipped_canary_under_faults_and_nothing_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    played = [play(seed, kind=Canary) for seed in range(40)]
    assert {(result.setting.shape, result.setting.sequel) for result in played} == {("canary", "nothing")}
    assert all(result.faults for result in played)
    assert main(["--releases", "40", "--shape", "canary"]) == 0
    assert capsys.readouterr().out.startswith("40 releases by the canary alone in ")


class Impatient(Scenario):
    """A checker that objects to every way back, to see what is made of a violation."""

    def wrote(self, process: Process, entry: Entry, rollout: Rollout) -> None:
        super().wrote(process, entry, rollout)
        if isinstance(entry.event, TurnedBack):
            raise Violation(11, "a way back")


def test_a_violation_is_shrunk_to_what_it_needs() -> None:
    seeds = range(200)
    seed = next(s for s in seeds if len(play(s).faults) > 2 and play(s, kind=Impatient).violation)
    found = shrink(seed, Impatient)
    assert found.violation is not None
    assert len(found.faults) < len(play(seed).faults)
    assert "invariant 11" in found.trace[-1]


def test_what_is_seen_too_seldom_is_named() -> None:
    tally = Tally(releases=5000)
    tally.outcomes.update({"promoted": 2500, "rolled_back": 20})
    assert "rolled_back (20)" in tally.rare()
    assert "promoted (2500)" not in tally.rare()


def test_every_fault_can_be_drawn_and_every_script_has_one() -> None:
    chance = Random(3)  # noqa: S311 - a seed, no secret
    assert {draw(chance, kind).kind for kind in FAULTS} >= set(ACTS) - {"crash_before", "crash_after"}
    assert all(script(chance) for _ in range(200))


def test_something_that_spins_is_seen() -> None:
    timeline = Timeline()

    def again() -> None:
        timeline.after(0.0, again)

    again()
    assert not timeline.run(10.0, most=100)


def test_the_invariants_have_the_numbers_of_their_page() -> None:
    page = Path(__file__).parents[3] / "docs" / "explanation" / "invariants.md"
    text = page.read_text()
    for line in text.splitlines():
        number = line.split("|")[1].strip() if line.startswith("|") else ""
        assert not number.isdigit() or ("| sim" in line) is (int(number) in COVERED), line
