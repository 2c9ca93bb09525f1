import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from releaser.engine.registry import Registry

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def options() -> Registry:
    """The Options of the built-in adapters, as pyproject.toml names them."""
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"]
    points = [EntryPoint(name, value, group) for group, kinds in declared.items() for name, value in kinds.items()]
    return Registry(points, allowed={""})
