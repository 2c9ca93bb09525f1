"""One of each: the process that drives a release over SSH dies, sleeps or is cut off, or a load balancer loses its power.

bench/drills.py has five of each, at every moment.
"""

from collections.abc import Iterator

import pytest
from drill_stage import KINDS, TIMER, Ground, Kind, drill, ground

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
SLOW = 10.0
"""Seconds beyond T for a machine that has much else to do; how late it is on a quiet one is measured by the bench."""
AT = dict(zip(KINDS, ("bake", "first step", "approval", "second step, on one of two"), strict=True))


@pytest.fixture(scope="module")
def at() -> Iterator[Ground]:
    with ground() as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_stable_is_restored_on_both_and_the_old_holder_writes_no_more(at: Ground, kind: Kind) -> None:
    done = drill(at, kind, AT[kind])
    assert not done.missed(TIMER + SLOW), done
