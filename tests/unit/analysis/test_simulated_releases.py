"""The issue's figures, on few releases: `python -m bench.analysis` has them all."""

import importlib.util
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

BENCH = Path(__file__).parents[3] / "bench" / "simulated.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    spec = importlib.util.spec_from_file_location("bench_simulated", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_simulated"] = module
    spec.loader.exec_module(module)
    return module


def test_five_times_the_errors_cost_twelve_requests_at_most(bench: Any) -> None:
    runs = bench.many(100, 11, bench.canary(), 200, 0.002, 0.01)
    assert all(run.end == "rolled back" for run in runs)
    assert median(run.harmed for run in runs) <= 12


def test_a_good_version_reaches_everyone_within_a_hundred_seconds(bench: Any) -> None:
    runs = bench.many(60, 11, bench.canary(), 200, 0.002, 0.002)
    assert sum(run.end == "promoted" for run in runs) >= 58
    assert median(run.seconds for run in runs) <= 75
    assert bench.quantile([run.seconds for run in runs], 0.9) <= 100


def test_an_outage_costs_five_requests_and_three_seconds(bench: Any) -> None:
    runs = bench.many(60, 11, bench.canary(), 200, 0.002, 1.0)
    assert all(run.end == "rolled back" for run in runs)
    assert median(run.harmed for run in runs) <= 5
    assert bench.quantile([run.seconds for run in runs], 0.9) <= 3


def test_shocks_that_both_would_have_had_do_not_undo_a_good_version_at_100_percent(bench: Any) -> None:
    runs = [bench.in_world(2, f"11/{i}", 60.0) for i in range(60)]
    assert sum(run.end == "rolled back" for run in runs) <= 1


def test_five_times_the_errors_that_only_the_full_load_brings_are_found_in_the_bake(bench: Any) -> None:
    runs = [bench.in_world(0, f"11/{i}", 600.0, full=5.0) for i in range(20)]
    assert all(run.end == "rolled back" for run in runs)
    assert median(run.alone for run in runs) <= 60
