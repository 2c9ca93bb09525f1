"""What a release that was taken back left open is ended by the rollout that has just ended here, and by nobody older."""

from pathlib import Path
from typing import Any

import pytest
from onhost_site import Refused, Site, identity


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def cut(site: Site, fence: int) -> dict[str, Any]:
    """The counters are one file, and the end of every connection empties it."""
    counted = site.state.parent / "open"
    counted.write_text("3")
    look = [{"do": "run", "argv": ["cat", str(counted)]}]
    return site.call("router.cut", fence=fence, look=look, cut=[{"do": "replace", "path": str(counted), "text": "0"}])


def test_after_its_end_the_same_fence_may_still_cut_what_it_left(site: Site) -> None:
    site.acquire()
    site.settle("reverted", current=identity("1.0"))
    assert cut(site, 1) == {"replies": ["3"]}
    assert (site.state.parent / "open").read_text() == "0"


def test_once_somebody_else_has_come_nothing_is_cut_any_more(site: Site) -> None:
    site.acquire()
    site.settle("reverted", current=identity("1.0"))
    site.acquire("r2", 2)
    with pytest.raises(Refused) as caught:
        cut(site, 1)
    assert caught.value.kind == "fenced"
    assert (site.state.parent / "open").read_text() == "3"
