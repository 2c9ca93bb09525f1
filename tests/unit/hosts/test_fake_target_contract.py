import pytest

from releaser.core.values import Release
from releaser.testing.contracts_target import CHECKS, Check
from releaser.testing.fakes_hosts import FakeHost, FakeTarget

ONE = Release.of("1.0.0", "a" * 64, "c" * 64)
OTHER = Release.of("2.0.0", "b" * 64, "c" * 64)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_fake_target_keeps_the_contract(check: Check) -> None:
    check(FakeTarget({name: FakeHost(name, lambda: 100.0) for name in ("web1", "web2")}), ONE, OTHER)
