"""Two targets in two waves, several hosts and two load balancers each: out wave by wave, back all at once."""

import json
from collections import Counter

import pytest
from fleet_stage import Fleet, fleet

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
ALL = 5
"""Hosts of both waves."""


def test_out_in_two_waves_and_back_at_once() -> None:
    with fleet() as site:
        first = site.promote("1.0.0")
        assert (first.code, first.document["outcome"]) == (0, "promoted"), first.document["message"]
        with site.users() as loads:
            _in_waves(site)
            assert _ending(site) == {"blue": ALL, "green": 0}, "1.0.0 stays warm for ten minutes"
            back = site.run("rollback", "--reason", "the figures of the shop look odd")
            assert (back.code, back.document["outcome"]) == (0, "rolled_back"), back.document["message"]
            assert back.document["seconds"] < 20
            assert _ending(site)["blue"] == 0, "it is needed again, so its end was called off"
            assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}
        sent = [one for load in loads for one in load.results]
        assert [one for one in sent if one.failed_by_us] == []
        assert {one.version for one in sent} == {"1.0.0", "1.1.0"}
        assert site.answers("canary") | site.answers("rest") == {"1.0.0"}


def _ending(site: Fleet) -> dict[str, int]:
    """On how many hosts what a slot runs will end by itself."""
    found = Counter({"blue": 0, "green": 0})
    for slots in site.watcher.observe().slots.values():
        found.update({one.slot: len(one.ending) for one in slots})
    return dict(found)


def _in_waves(site: Fleet) -> None:
    """The second wave moves when the first one is at 100 %, and both routers of a wave move together."""
    site.build("1.1.0")
    with site.spawned("promote", "1.1.0") as process:
        assert process.stdout is not None
        events = [json.loads(line) for line in process.stdout]
        assert process.wait(60) == 0, events[-1]
    shifts = [
        (told["event"]["router"].partition("/")[0], dict(told["event"]["split"]["weights"]))
        for told in events
        if told.get("event", {}).get("kind") == "Shifted"
    ]
    weights = [
        (target, weight) for target, split in shifts for release, weight in split.items() if release[:3] == "1.1"
    ]
    assert weights == [(wave, weight) for wave in ("canary", "rest") for weight in (50, 100) for _ in range(2)]
