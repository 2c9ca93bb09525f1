"""Does a release tell people why requests failed and how long they took, and are those the requests that there were?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_environment import QUICKEST, Local, local_environment

from releaser.core.events import Judged
from releaser.core.values import Counts, Outcome

pytestmark = pytest.mark.real

SLOW = 0.04
PATIENT = QUICKEST.replace("deadman: 2s", "deadman: 15s").replace("bake: 300ms", "bake: 3s")
"""On a machine with much else to do. The bake is there to see some requests of the new version alone."""


def shown(local: Local, version: str) -> str:
    argv = [sys.executable, "-m", "releaser", "show", version, "-e", "test", "--folder", str(local.root)]
    environ = {**os.environ, **local.environ(), "COLUMNS": "200"}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def requests_of(log: Path) -> int:
    return len([line for line in log.read_text().splitlines() if not line.startswith("none ")])


@pytest.mark.parametrize("router", ["haproxy", "envoy"])
def test_a_release_tells_the_times_of_both_versions(router: str) -> None:
    with local_environment(router, PATIENT) as local:
        assert local.promote("1.0.0").outcome is Outcome.PROMOTED
        judged: list[Judged] = []
        with local.traffic(rate=100) as load:
            slower = local.promote(
                "1.1.0",
                f"slow:{SLOW}",
                react=lambda entry: judged.append(entry.event) if isinstance(entry.event, Judged) else None,
            )
        assert slower.outcome is Outcome.PROMOTED
        figures = judged[-1].figures
        new, old = timed(figures.candidate), timed(figures.stable)
        for version, counts in (("1.1.0", figures.candidate), ("1.0.0", figures.stable)):
            answered = sum(one.version == version for one in load.results)
            total = counts.latency.total if counts.latency else 0
            assert 0 < total <= answered
        assert new[0] > SLOW > old[0]
        told = shown(local, "1.1.0")
        assert "latency     1.1.0 p50 " in told
        assert "   1.0.0 p50 " in told


def timed(counts: Counts) -> tuple[float, float]:
    assert counts.latency is not None
    assert counts.latency.missing == 0
    return counts.latency.quantile(0.25), counts.latency.quantile(0.5)


def test_a_release_that_resets_its_users_is_judged_and_told_why() -> None:
    """HAProxy counts a reset in two ways, which must not look like counters that contradict each other."""
    with local_environment("haproxy", PATIENT) as local:
        assert local.promote("1.0.0").outcome is Outcome.PROMOTED
        with local.traffic(rate=100):
            bad = local.promote("1.1.0", "reset")
        assert bad.outcome is Outcome.ROLLED_BACK
        assert bad.judged is not None
        causes = dict(bad.judged.figures.candidate.causes)
        assert causes.keys() == {"eresp"}
        assert "most: eresp x" in shown(local, "1.1.0")
