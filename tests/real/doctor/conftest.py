"""The fleets of tests/real/ssh serve here too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("engine", "ssh")]

from doctor_stage import Stage, stage


@pytest.fixture(scope="module")
def released() -> Iterator[Stage]:
    """Two hosts and a load balancer with 1.0.0 on them and 1.1.0 to come; each test leaves them as they were."""
    with stage() as made:
        made.site.build("1.0.0")
        made.site.build("1.1.0")
        code, document = made.run("promote", "1.0.0", "-y")
        assert code == 0, document
        yield made
