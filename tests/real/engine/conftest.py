"""Environments for whole releases: empty, or with 1.0.0 serving."""

from collections.abc import Iterator

import pytest
from local_environment import Local, local_environment


@pytest.fixture
def empty() -> Iterator[Local]:
    with local_environment() as local:
        yield local


@pytest.fixture
def local(empty: Local) -> Local:
    empty.promote("1.0.0")
    return empty
