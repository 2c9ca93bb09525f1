from collections.abc import Iterator

import pytest
from cli_stage import Cli, cli_stage


@pytest.fixture
def fresh() -> Iterator[Cli]:
    """Nothing was released yet and nothing runs."""
    with cli_stage() as made:
        yield made


@pytest.fixture
def served(fresh: Cli) -> Cli:
    """1.0.0 serves."""
    done = fresh.run("promote", "1.0.0")
    assert done.code == 0, done
    return fresh
