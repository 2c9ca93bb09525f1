"""What a load balancer is told where a host goes without a release, and who can be told so at all."""

import pytest

from releaser.adapters.routers.dialect import Selective
from releaser.adapters.routers.envoy import EnvoyOptions, EnvoyRouter
from releaser.adapters.routers.haproxy import HAProxyOptions, HAProxyRouter
from releaser.adapters.routers.server_weights import server_weights
from releaser.core.values import Binding, Split
from releaser.errors import FailedError

OLD, NEW = "1.0-00000001", "1.1-00000002"
BINDING: Binding = (("blue", OLD), ("green", NEW))
HOSTS = ("a", "b", "c")
HAPROXY = HAProxyRouter(HAProxyOptions(socket="/s", backend="shop", state_file="/f", map="/m"), HOSTS)
ENVOY = EnvoyRouter(EnvoyOptions(admin="127.0.0.1:1", rds="/r.yaml"))


def told(router: HAProxyRouter, split: Split) -> list[str]:
    return [
        str(one["send"]).removeprefix("set server shop/") for one in router.write(split, BINDING, 7) if "send" in one
    ]


def test_a_host_without_the_new_release_is_in_maintenance_there_and_serves_the_old_one() -> None:
    lines = told(HAPROXY.leaving_out({NEW: frozenset({"b"})}), Split.of({OLD: 50, NEW: 50}))
    assert [line for line in lines if line.startswith("b_green")] == ["b_green weight 0", "b_green state maint"]
    assert "b_blue state ready" in lines
    assert lines.index("a_green state ready") < lines.index("b_green state maint")


def test_the_others_carry_its_share() -> None:
    lines = told(HAPROXY.leaving_out({NEW: frozenset({"b"})}), Split.of({OLD: 90, NEW: 10}))
    weights = {line.split()[0]: int(line.split()[2]) for line in lines if " weight " in line}
    old, new = sum(weights[f"{host}_blue"] for host in HOSTS), sum(weights[f"{host}_green"] for host in HOSTS)
    assert 100 * new / (old + new) == pytest.approx(10, abs=0.2)


def test_with_all_hosts_the_weights_are_the_shares() -> None:
    assert server_weights({"blue": 95, "green": 5}, {"blue": 3, "green": 3}) == {"blue": 95, "green": 5}
    assert server_weights({"blue": 100, "green": 0}, {"blue": 2, "green": 3}) == {"blue": 100, "green": 0}


@pytest.mark.parametrize("share", [1, 5, 25, 50, 99])
@pytest.mark.parametrize(("blue", "green"), [(200, 199), (3, 2), (2, 6), (20, 10)])
def test_unequal_slots_get_the_share_to_the_percent(share: int, blue: int, green: int) -> None:
    weights = server_weights({"blue": 100 - share, "green": share}, {"blue": blue, "green": green})
    sums = weights["blue"] * blue, weights["green"] * green
    assert round(100 * sums[1] / sum(sums)) == share
    assert all(1 <= weight <= 256 for weight in weights.values())


def test_a_slot_without_any_host_gets_no_share() -> None:
    with pytest.raises(FailedError, match="every host of it goes without"):
        told(HAPROXY.leaving_out({NEW: frozenset(HOSTS)}), Split.all_to(NEW))


def test_who_can_leave_out_a_host() -> None:
    assert isinstance(HAPROXY, Selective)
    assert not isinstance(ENVOY, Selective)
