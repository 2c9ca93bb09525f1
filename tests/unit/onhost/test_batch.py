"""Several readings in one process of the agent: each answered as if it had been alone."""

import json
from pathlib import Path

import pytest
from onhost_site import Refused, Site

from releaser.onhost.__main__ import VERBS
from releaser.onhost.batch import READING


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_each_is_answered_as_if_alone(site: Site, tmp_path: Path) -> None:
    site.acquire("r1", 7)
    look = [{"do": "socket", "path": str(tmp_path / "nothing"), "send": "show info", "expect": ".*", "within": 1.0}]
    orders = [
        ["ledger.read", {"state": str(site.state)}],
        ["router.read", {"state": str(site.state), "look": look}],
        ["target.inspect", {"path": str(tmp_path / "app")}],
    ]
    ledger, router, target = site.call("batch", orders=orders)["answers"]
    alone = site.read()
    assert {**ledger["ok"], "holder": None} == {**alone, "holder": None}
    assert ledger["ok"]["holder"]["rollout"] == alone["holder"]["rollout"] == "r1"
    assert router["error"]["kind"] == "failed"
    assert set(target["ok"]["slots"]) == {"blue", "green"}


@pytest.mark.parametrize("verb", sorted(set(VERBS) - READING))
def test_what_may_change_something_is_no_part_of_it(site: Site, verb: str) -> None:
    before = site.read()
    orders = [["ledger.read", {"state": str(site.state)}], [verb, {"state": str(site.state)}]]
    with pytest.raises(Refused, match="cannot be part of a batch"):
        site.call("batch", orders=orders)
    assert site.read() == before


def test_each_has_the_time_that_is_left(site: Site) -> None:
    late = json.loads(json.dumps(site.call("batch", within=0.0, orders=[["ledger.read", {"state": str(site.state)}]])))
    assert late["answers"][0]["ok"]["fence"] == 0
