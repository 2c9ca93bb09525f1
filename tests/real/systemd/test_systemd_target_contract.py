import pytest
from systemd_stage import Stage

from releaser.core.values import Release
from releaser.testing.contracts_target import CHECKS, Check

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_slots_that_units_run_keep_the_contract(stage: Stage, check: Check) -> None:
    target, one = stage.release("1.0.0")
    check(target, one, Release.of("2.0.0", one.artifact, "d" * 64))
