from pathlib import Path

import pytest
from ssh_lab import Lab

from releaser.testing.contracts_shell import CHECKS, Check

pytestmark = pytest.mark.real


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_ssh_shell_keeps_the_contract(lab: Lab, tmp_path: Path, check: Check) -> None:
    directory = tmp_path / "both"
    directory.mkdir()
    check(lab.shell(lab.server()), directory)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_without_sftp_too(lab: Lab, tmp_path: Path, check: Check) -> None:
    directory = tmp_path / "both"
    directory.mkdir()
    check(lab.shell(lab.server("Subsystem sftp /bin/false")), directory)
