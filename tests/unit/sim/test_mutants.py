"""The checker sees: each planted bug breaks an invariant within some hundred simulated releases, and the code as it is does not."""

import shutil
from pathlib import Path

import pytest

from releaser.testing.mutants import Caught, try_all, try_one
from releaser.testing.sim import simulate

PATCHES = sorted((Path(__file__).parents[2] / "mutants").glob("*.patch"))
SEEDS = 1000
"""Most are caught by the first twenty; the few that need two things to meet need some hundred."""

needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="the bugs are planted by patch")


@needs_patch
@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute of two cores, if nobody else wants them
def test_every_planted_bug_is_caught() -> None:
    assert len(PATCHES) >= 20
    caught = try_all(PATCHES, seeds=SEEDS, workers=2)
    assert [one.name for one in caught if not one.applied] == []
    assert [one.name for one in caught if one.invariant is None] == []


def test_the_code_as_it_is_passes_the_same_seeds() -> None:
    assert simulate(0, 100).failed == []  # by most of which each bug is caught; thousands of others are played beside


@needs_patch
def test_a_patch_that_does_not_apply_is_said_to_be_one(tmp_path: Path) -> None:
    patch = tmp_path / "stale.patch"
    patch.write_text(
        "--- a/releaser/core/decide.py\n+++ b/releaser/core/decide.py\n@@ -1,1 +1,1 @@\n-not there\n+nor here\n"
    )
    found = try_one(patch, seeds=1)
    assert not found.applied
    assert "does not apply" in str(found)


def test_the_table_says_what_was_missed() -> None:
    assert "NOT CAUGHT" in str(Caught("harmless", applied=True, seconds=1.0))
    assert "invariant  4" in str(Caught("pass-used-twice", applied=True, invariant=4, seed=7, seconds=1.0))
