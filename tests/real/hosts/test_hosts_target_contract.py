import pytest
from hosts_stage import Stage

from releaser.core.values import Release
from releaser.testing.contracts_target import CHECKS, Check

pytestmark = pytest.mark.real


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_hosts_target_keeps_the_contract(stage: Stage, check: Check) -> None:
    target, one = stage.release("1.0.0")
    check(target, one, Release.of("2.0.0", one.artifact, "d" * 64))
