from collections.abc import Iterator
from pathlib import Path

import pytest
from ssh_lab import Lab, opened


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with opened(tmp_path) as lab:
        yield lab
