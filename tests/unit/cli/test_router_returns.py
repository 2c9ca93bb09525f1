"""A router that was out of reach when a release was taken back still holds that release open; whoever comes next brings it home."""

import time

import pytest
from cli_world import ENVIRONMENT, Place

from releaser.core.values import Release, Split
from releaser.onhost.clock import Now
from releaser.ports import Claim, Settling
from releaser.testing.fakes_line import DirectLine
from releaser.testing.fakes_ports import site_ports
from releaser.testing.fakes_site import FakeSite

BOTH = ENVIRONMENT.replace("haproxy://lb1.example.com/shop", "haproxy://lb1.example.com,lb2.example.com/shop")
FIRST, SECOND = "web/lb1.example.com", "web/lb2.example.com"


@pytest.fixture
def returned(place: Place) -> Place:
    """1.4.1 answers; lb2 has come back with 1.4.2 still open in its ledger, while lb1 settled that long ago."""
    (place.folder / "environments" / "production.yaml").write_text(BOTH)
    second = FakeSite(SECOND, lambda: Now(time.monotonic(), "boot-1"), place.meter)
    place.world.sites[SECOND] = site_ports(second, DirectLine())  # type: ignore[index]  # a dict here
    assert place.run("promote", "1.4.1").code == 0
    old = str(place.site.ledger["current"])
    new = Release.of("1.4.2", "b" * 64, "c" * 64)
    binding = (("blue", old), ("green", new.id))
    claim = Claim("bo@desk", "1.4.2.dead", new, Split.all_to(old), binding, 0.001)  # type: ignore[arg-type]  # slots
    fence = int(place.site.ledger["fence"])
    for name, more in ((FIRST, 2), (SECOND, 1)):
        place.world.sites[name].ledger.acquire(claim, fence + more, force=True, within=5)
    settling = Settling("reverted", "1.4.2.dead", old)
    place.world.sites[FIRST].ledger.settle(settling, fence=fence + 2, within=5)
    return place


def open_on(place: Place) -> list[str]:
    return [name for name, site in place.world.sites.items() if site.ledger.read(within=5).candidate]


def test_status_sees_it_and_recover_brings_it_home(returned: Place) -> None:
    assert open_on(returned) == [SECOND]
    shown = returned.run("status")
    assert "ABANDONED" in shown.out
    assert "releaser recover -e production" in shown.out
    assert returned.run("status", "--check").code == 5
    recovered = returned.run("recover", "-o", "json")
    assert (recovered.code, recovered.document["outcome"]) == (0, "rolled_back"), recovered
    assert open_on(returned) == []
    assert "SERVING 1.4.1-" in returned.run("status").out


def test_the_next_release_does_it_first(returned: Place) -> None:
    promoted = returned.run("promote", "1.4.3", "-o", "json")
    assert (promoted.code, promoted.document["outcome"]) == (0, "promoted"), promoted
    assert open_on(returned) == []
