import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nspawn_tree
import pytest
from nspawn_host import Host
from systemd_stage import Stage

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("engine", "secrets")]


@pytest.fixture(scope="session")
def login(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tmp_path_factory.mktemp("login") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, login: Path) -> Iterator[Host]:
    """One boot a module. Skips where this machine cannot run containers; in CI it must."""
    lacking = nspawn_tree.lacking()
    if lacking:
        assert not os.environ.get("CI"), f"CI needs systemd hosts: {lacking}"
        pytest.skip(lacking)
    host = Host(nspawn_tree.tree(), tmp_path_factory.mktemp("host") / "disk", login.with_suffix(".pub"))
    try:
        host.start()
        host.run("usermod", "--append", "--groups", "systemd-journal", "deploy")
        yield host
    finally:
        host.discard()


@pytest.fixture
def stage(host: Host, tmp_path: Path, login: Path) -> Iterator[Stage]:
    stage = Stage(host, tmp_path, login)
    try:
        yield stage
    finally:
        stage.clear()
