from pathlib import Path

import pytest
from cli_world import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.build("1.4.1", "1.4.2", "1.4.3")
    return made
