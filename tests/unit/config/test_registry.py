import sys
from importlib.metadata import EntryPoint

import pytest

from releaser.engine.registry import Registry
from releaser.errors import ConfigError, ReleaserError


def point(value: str, name: str = "file", group: str = "releaser.secrets") -> EntryPoint:
    return EntryPoint(name, value, group)


def test_built_in_adapters_come_through_the_same_door(options: Registry) -> None:
    assert set(options) >= {("targets", "hosts"), ("routers", "envoy"), ("probes", "http"), ("secrets", "env")}
    assert len(options) == len(list(options))
    assert options["secrets", "file"].__name__ == "FileSecretsOptions"
    assert options.adapter("secrets", "env").__name__ == "EnvironSecrets"
    assert ("secrets", "drawer") not in options
    with pytest.raises(KeyError):
        options["secrets", "drawer"]


def test_what_is_not_allowed_is_never_imported() -> None:
    registry = Registry([point("this:Zen", "zen")])
    assert ("secrets", "zen") not in registry
    assert "this" not in sys.modules


def test_what_is_not_used_is_not_imported() -> None:
    registry = Registry([point("antigravity:Fly", "fly")], allowed={""})
    assert ("secrets", "fly") in registry
    assert "antigravity" not in sys.modules


def test_broken_plug_ins_are_named() -> None:
    registry = Registry(
        [
            point("releaser.nothing:X", "a"),
            point("releaser.errors:Nothing", "b"),
            point("releaser.errors:UsageError", "c"),
        ],
        {""},
    )
    for kind, said in (("a", "cannot be loaded"), ("b", "cannot be loaded"), ("c", "has no Options")):
        with pytest.raises(ReleaserError, match=said):
            registry["secrets", kind]


def test_two_of_one_kind_are_refused() -> None:
    with pytest.raises(ConfigError, match="two plug-ins bring secrets of kind file"):
        Registry([point("a:B"), point("c:D")], allowed={""})


def test_an_allowed_plug_in_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="RELEASER_PLUGINS names no-such-plug-in, which is not installed"):
        Registry.installed({"no-such-plug-in"})
