"""Two bare hosts and a load balancer, as a distribution's packages leave them; one boot for the folder's tests a module."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("systemd", "ssh")]

import nspawn_tree
from bare_hosts import Bare, bare_hosts


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """Skips where this machine cannot run containers; in CI it must."""
    lacking = nspawn_tree.lacking()
    if lacking:
        assert not os.environ.get("CI"), f"CI needs systemd hosts: {lacking}"
        pytest.skip(lacking)
    with bare_hosts(tmp_path) as made:
        yield made
