from pathlib import Path

import pytest

from releaser.shell import LocalShell
from releaser.testing.contracts_shell import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_local_shell_keeps_the_contract(tmp_path: Path, check: Check) -> None:
    directory = tmp_path / "both"
    directory.mkdir()
    check(LocalShell(tmp_path / "root"), directory)
