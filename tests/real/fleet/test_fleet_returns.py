"""A host that was out of reach while a release went to the others: what it serves reaches no user until it is brought home."""

from pathlib import Path

import pytest
from fleet_stage import PLAYBOOK, Fleet, fleet
from ssh_lab import Server

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
AT_ONCE = PLAYBOOK.replace("{ weight: 50% }, ", "")


def test_it_gets_no_requests_and_recover_brings_it_home() -> None:
    """SSH to it is dead, and it serves on: 1.0.0 in the very slot that the others start 1.2.0 in."""
    with fleet({"web": 3}, policy="max_unreachable: 1", playbook=AT_ONCE) as site:
        (site.root / "playbooks" / "halves.yaml").write_text(PLAYBOOK)
        lost = site.targets["web"].hosts[1]
        assert site.promote("1.0.0").code == 0
        with site.users() as loads:
            assert site.promote("1.1.0").code == 0
            lost.stop()
            seen = sum(len(load.results) for load in loads)
            promoted = site.promote("1.2.0", "none", "--playbook", "halves")
            assert (promoted.code, promoted.document["outcome"]) == (0, "promoted"), promoted.document["message"]
            assert f"but on {lost.address}" in promoted.document["message"]
            (missing,) = promoted.document["missing"]
            assert (missing["host"], missing["how"]) == (lost.address, "unreachable")
            assert promoted.document["fix"] == ["releaser recover -e test"]
            _left_out(site, lost)
            lost.start()
            assert "holds 1.0.0" in _behind(site)[lost.address]
            _left_out(site, lost)
            home = site.run("recover")
            assert home.code == 0, home.document["message"]
            assert [one["host"] for one in home.document["brought"]] == [lost.address]
            assert sorted(home.document["routers"]) == sorted(site.splits())
        assert seen
        assert [one for load in loads for one in load.results if one.failed_by_us] == []
        _at(site, lost, "1.2.0")
        assert (
            site.servers("web")[f"{lost.address}_blue"]
            == site.servers("web")[f"{site.targets['web'].hosts[0].address}_blue"]
        )
        assert site.run("status", "--check").code == 0
        assert "nothing to recover" in site.run("recover").document["message"]


def _left_out(site: Fleet, lost: Server) -> None:
    """Whatever answers on its ports: nobody is sent there, and `status` says so and how to mend it."""
    for balancer in (0, 1):
        assert site.servers("web", balancer)[f"{lost.address}_blue"] == (False, 0)
    assert site.answers("web") == {"1.2.0"}
    assert list(_behind(site)) == [lost.address]
    assert site.run("status", "--check").code == 1
    shown = site.run("status", output="table").document["text"]
    assert "releaser recover -e test" in shown, shown


def _behind(site: Fleet) -> dict[str, str]:
    return {one["host"]: one["why"] for one in site.status()["behind"]}


def _at(site: Fleet, host: Server, version: str) -> None:
    path: Path = host.home / "shop"
    for link in ("slots/blue", "current"):
        assert (path / link).resolve().name.startswith(f"{version}-"), link
    assert site.answers("web") == {version}
