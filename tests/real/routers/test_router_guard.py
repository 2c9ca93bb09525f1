"""The guard beside a real router: rehearsed by it, and taken back by it when nobody renews."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from router_rig import BINDING, KINDS, NEW, OLD, PATIENCE, Rig, opened

from releaser.adapters.routers.site import RouterSite
from releaser.core.values import Release, Split
from releaser.errors import FencedError
from releaser.ports import Claim
from releaser.shell.local import LocalShell

pytestmark = pytest.mark.real

STABLE, CANARY = Split.all_to(OLD), Split.of({OLD: 95, NEW: 5})
TIMER = 0.6


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    for found in opened(request.param):
        yield found
        guard = found.directory / "state" / "guard.json"
        if guard.exists():
            with suppress(ProcessLookupError):
                os.kill(json.loads(guard.read_text())["pid"], signal.SIGKILL)


def site_of(rig: Rig) -> RouterSite:
    """The rig's router, its ledger taken under fence 1."""
    site = RouterSite("web/local", LocalShell(rig.directory), str(rig.directory / "state"), rig.router.dialect, "demo")
    claim = Claim("ada@laptop", "r1", Release(NEW, "1.4.2", "0" * 64, "0" * 64), STABLE, BINDING, PATIENCE)
    site.ledger.acquire(claim, 1, force=False, within=PATIENCE)
    return site


def test_the_way_back_is_rehearsed_by_the_guard_and_read_back(rig: Rig) -> None:
    site = site_of(rig)
    site.shift(STABLE, BINDING, 1001, fence=1, within=PATIENCE)
    assert 0 < site.rehearse(STABLE, BINDING, 1002, fence=1, within=PATIENCE) < PATIENCE
    assert rig.read().generation == 1002


def test_nobody_renews_and_the_guard_brings_users_back(rig: Rig) -> None:
    rig.serve("blue")
    site = site_of(rig)
    site.arm(STABLE, BINDING, 1001, fence=1, timer=TIMER, within=PATIENCE)
    site.shift(CANARY, BINDING, 1002, fence=1, within=PATIENCE)
    end = time.monotonic() + PATIENCE
    while (rig.read().split, rig.read().generation) != (STABLE, 1001):
        assert time.monotonic() < end, "the guard did not fire"
        time.sleep(0.02)
    assert rig.get().getheader("x-version") == "1.4.1"
    with pytest.raises(FencedError):
        site.shift(CANARY, BINDING, 1003, fence=1, within=PATIENCE)
    assert rig.read().split == STABLE


def test_a_router_that_comes_back_after_the_time_ran_out_comes_back_to_the_old_split(rig: Rig) -> None:
    site = site_of(rig)
    site.arm(STABLE, BINDING, 1001, fence=1, timer=PATIENCE, within=PATIENCE)
    site.shift(CANARY, BINDING, 1002, fence=1, within=PATIENCE)
    rig.kill_router()
    site.arm(STABLE, BINDING, 1001, fence=1, timer=TIMER, within=PATIENCE)
    time.sleep(2 * TIMER)  # the time in which the guard finds no router
    rig.start()
    end = time.monotonic() + PATIENCE
    while rig.read().split != STABLE:
        assert time.monotonic() < end, "the guard gave up"
        time.sleep(0.02)
