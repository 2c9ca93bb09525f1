"""A release behind load balancers of one's own, set up by the how-to pages to the letter: out, back by the judge, back by hand."""

import pytest
from shop import shop

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_pair_of_haproxies_out_and_back_by_the_judge_and_by_hand() -> None:
    with shop("haproxy") as site:
        first = site.promote("1.0.0")
        assert first.returncode == 0, first.stdout
        with site.users() as users:
            good = site.promote("1.1.0")
            assert good.returncode == 0, good.stdout
            assert site.splits() == {"lb1": {"1.1.0": 100}, "lb2": {"1.1.0": 100}}
            bad = site.promote("1.2.0", "errors:0.5")
            assert bad.returncode == 3, bad.stdout
            assert site.splits() == {"lb1": {"1.1.0": 100}, "lb2": {"1.1.0": 100}}
            told = site.command("show", "1.2.0", output="table").stdout
            assert "most: 5xx web" in told
            assert "latency     1.2.0 p50" in told
            back = site.command("rollback", "--to", "1.0.0", "-y")
            assert back.returncode == 0, back.stdout
            assert site.splits() == {"lb1": {"1.0.0": 100}, "lb2": {"1.0.0": 100}}
        assert users.failed_by_us == []
        assert users.versions == {"1.0.0", "1.1.0", "1.2.0"}


@pytest.mark.parametrize(("kind", "balancers"), [("envoy", 2), ("nginx", 2), ("traefik", 2)])
def test_a_bad_version_is_taken_back_behind_one_s_own(kind: str, balancers: int) -> None:
    with shop(kind, balancers) as site:
        first = site.promote("1.0.0")
        assert first.returncode == 0, first.stdout
        # a reload of nginx loses what meets a connection that idled; its page says so
        with site.users(60.0, "--fresh", "1" if kind == "nginx" else "0.2") as users:
            bad = site.promote("1.1.0", "errors:0.5")
        assert bad.returncode == 3, bad.stdout
        assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}
        told = site.command("show", "1.1.0", output="table").stdout
        assert f"most: {'5xx' if kind == 'envoy' else '500'} " in told
        assert "latency     1.1.0 " in told
        assert users.failed_by_us == []
        assert users.versions == {"1.0.0", "1.1.0"}
