"""A release to hosts that are reached by SSH only: out to everyone, back by the judge, back by hand."""

import json
import time

import pytest
from ssh_fleet import fleet

from releaser.core.values import Outcome

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


def test_good_then_bad_then_back_by_hand() -> None:
    with fleet() as site:
        assert site.promote("1.0.0").outcome is Outcome.PROMOTED
        with site.traffic() as load:
            assert site.promote("1.1.0").outcome is Outcome.PROMOTED
            assert site.split() == {"1.1.0": 100}
            bad = site.promote("1.2.0", "errors:0.5")
            assert bad.outcome is Outcome.ROLLED_BACK
            assert bad.turned is not None
            assert bad.turned.cause == "judge"
            assert bad.back_at is not None
            assert bad.back_at - bad.turned_at < 10.0
            assert site.split() == {"1.1.0": 100}
            back = site.rollback("1.0.0")
            assert back.outcome is Outcome.ROLLED_BACK
            assert site.split() == {"1.0.0": 100}
            time.sleep(0.3)  # some requests after the last shift belong to the story
        assert [one for one in load.results if one.failed_by_us] == []
        assert {one.version for one in load.results} == {"1.0.0", "1.1.0", "1.2.0"}
        for host in site.hosts:
            assert (host.home / "shop" / "slots" / "blue").is_symlink()
            assert (host.home / "shop" / "slots" / "green").is_symlink()


def test_by_way_of_a_jump_host_from_the_command_line() -> None:
    with fleet(jump=True) as site:
        site.build("1.0.0")
        site.build("1.1.0", "errors:0.5")
        first = site.command("promote", "1.0.0")
        assert first.returncode == 0, first.stdout + first.stderr
        with site.traffic() as load:
            bad = site.command("promote", "1.1.0")
        assert bad.returncode == 3, bad.stdout + bad.stderr
        assert "Traceback" not in first.stderr + bad.stderr
        assert json.loads(bad.stdout)["outcome"] == "rolled_back"
        assert [one for one in load.results if one.failed_by_us] == []
        assert [one.home.joinpath("shop").is_dir() for one in site.hosts] == [True, True]
        assert site.lab.servers[-1].log().count("Accepted publickey") == 2
