"""Which findings stop a release: those that the fleet does not go without, each reason once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from told import asked

from releaser.config.observed import Refusal, Refusals, Unchanged
from releaser.engine.doctor.back import WalledError, Walls
from releaser.engine.doctor.finding import Finding, fail, ok, unknown, warn
from releaser.engine.doctor.preflight import Preflight, refused_by, with_refusals
from releaser.engine.observe import Observed
from releaser.engine.registry import Registry

HOSTS = [asked(f"web{number}") for number in range(1, 5)]
LB = asked("lb1", runs=False, routes=True)


def environment(max_unreachable: int = 0, max_failed: int = 0) -> Any:
    fleet = SimpleNamespace(max_unreachable=max_unreachable, max_failed=max_failed)
    return SimpleNamespace(waves=(("web",),), fleet=fleet)


def away(host: str) -> Finding:
    return fail("reach", host, "no answer", "ping it", code="connect")


def full(host: str) -> Finding:
    return fail("disk", host, "full", "free some room", code="no-room")


def codes(*found: Finding, **fleet: int) -> list[tuple[str, str]]:
    refusals = refused_by(found, [*HOSTS, LB], environment(**fleet))
    return [(one.code, one.why) for one in refusals]


def test_what_is_well_or_a_warning_stops_nothing() -> None:
    assert codes(ok("reach", "web1", "answers"), warn("clock", "web2", "off")) == []


def test_one_reason_on_many_hosts_is_one_refusal() -> None:
    assert codes(full("web1"), full("web2"), away("web3")) == [
        ("no-room", "web1, web2: full"),
        ("unreachable", "web3: no answer"),
    ]


def test_the_fleet_says_how_many_it_goes_without() -> None:
    assert codes(away("web1"), max_unreachable=1) == []
    assert codes(away("web1"), away("web2"), max_unreachable=1) == [("unreachable", "web1, web2: no answer")]
    assert codes(full("web1"), max_failed=1) == []
    assert codes(full("web1"), full("web2"), max_failed=1) == [("no-room", "web1, web2: full")]


def test_no_fleet_goes_without_a_router() -> None:
    assert codes(away("lb1"), max_unreachable=3, max_failed=3) == [("unreachable", "lb1: no answer")]


def test_what_nobody_knows_stops_a_release_too_and_what_a_release_mends_does_not() -> None:
    assert codes(unknown("reach", "web1", "no answer in time")) == [("unreachable", "web1: no answer in time")]
    assert codes(fail("ledger", "lb1", "left in the middle", "recover", code="abandoned")) == []


MINE = Refusal("unreachable", "web1: the name does not resolve")
THEIRS = (
    Refusal("unreachable", "web does not answer"),
    Refusal("stable-down", "1.0.0 is down"),
    Refusal("frozen", "by ada"),
)


@pytest.mark.parametrize(
    ("silent", "left"), [(True, ["unreachable", "frozen"]), (False, ["unreachable", "stable-down", "frozen"])]
)
def test_a_reason_is_told_once_by_whoever_knows_more(silent: bool, left: list[str]) -> None:
    found = with_refusals(Refusals(THEIRS), Preflight(Observed(), (MINE,), silent))
    assert isinstance(found, Refusals)
    assert [one.code for one in found.items] == left
    assert found.items[0] is MINE


def test_where_nothing_is_to_be_done_nothing_is_refused() -> None:
    nothing = Unchanged("1.0.0-aa", "runs already")
    assert with_refusals(nothing, Preflight(Observed(), (MINE,), silent=True)) is nothing


def test_behind_the_walls_no_store_of_secrets_opens_and_no_counter_counts() -> None:
    walls = Walls()
    registry = Registry.installed().walled("secrets", lambda kind: walls.refuse(f"secrets of kind {kind}"))
    assert registry.adapter("routers", "haproxy").__name__ == "HAProxyRouter"
    for use in (
        lambda: registry.adapter("secrets", "file")(Path(), {}, None),
        lambda: registry["secrets", "vault"],
        lambda: walls.counter().count((("blue", "1.0.0-aa"),), within=1.0),
    ):
        with pytest.raises(WalledError):
            use()
    assert walls.asked == ["secrets of kind file", "secrets of kind vault", "counters"]
