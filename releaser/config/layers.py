"""Which layer decides a value? Weakest first: base files, the environment's file, RELEASER_... variables, --set.

Defaults lie underneath: the models have them, and `expand` writes down those that depend on other values.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from releaser.config.names import did_you_mean, good_name
from releaser.config.tree import Node, Scalar, Table, merge
from releaser.config.yaml_source import read_file, read_value
from releaser.errors import ConfigError

__all__ = ["NOT_KEYS", "environment_names", "layered", "read_table"]

PREFIX = "RELEASER_"
NOT_KEYS = frozenset({"ENV", "STATE"})
"""RELEASER_ENV and RELEASER_STATE belong to the command line; RELEASER_ENV__NAME is a variable of the application."""
LONGEST_CHAIN = 8


def environment_names(folder: FilePath) -> tuple[str, ...]:
    """The environments in `folder`: its YAML files that say something and that no other one extends."""
    found = {path.stem: path for path in sorted(folder.glob("*.yaml")) if good_name(path.stem)}
    extended: set[str] = set()
    silent: set[str] = set()
    for name, path in found.items():
        try:
            base = read_table(path, path.name).entries.get("extends")
        except ConfigError as error:
            silent |= {name} if error.code == "empty-file" else set()
            continue
        extended |= {base.text} if isinstance(base, Scalar) else set()
    return tuple(name for name in found if name not in extended | silent)


def layered(
    folder: FilePath, name: str, *, variables: Mapping[str, str], settings: Sequence[str], keys: Sequence[str]
) -> Table:
    """The merged tree of environment `name`; `keys` are the top-level keys there are. Raises ConfigError."""
    tree = _without_free_keys(_extended(folder, name, ()))
    tree = merge(tree, _from_variables(variables, keys, tree))
    for setting in settings:
        tree = merge(tree, _from_setting(setting, keys))
    return tree


def read_table(path: FilePath, shown: str) -> Table:
    """The file's top-level map. Raises ConfigError."""
    tree = read_file(path, shown)
    if isinstance(tree, Scalar) and tree.value is None:
        raise ConfigError(f"{shown} is empty; `releaser init` writes one to start from", code="empty-file")
    if not isinstance(tree, Table):
        raise ConfigError(f"{tree.origin}: the file is not a map; write lines such as `app: shop`")
    return tree


def _extended(folder: FilePath, name: str, chain: tuple[str, ...]) -> Table:
    shown = f"{folder.name}/{name}.yaml"
    if not good_name(name):
        raise ConfigError(f"{name[:80]!r} is not the name of an environment; use letters, digits, '_' and '-'")
    if name in chain:
        raise ConfigError(f"{folder.name}/{chain[-1]}.yaml extends {name}, which extends it in turn; break the circle")
    if len(chain) >= LONGEST_CHAIN:
        raise ConfigError(f"{shown}: more than {LONGEST_CHAIN} files extend one another; merge some of them")
    path = folder / f"{name}.yaml"
    if not path.is_file() and not chain:
        hint = did_you_mean(name, environment_names(folder))
        raise ConfigError(f"there is no environment {name!r}: {shown} does not exist; {hint}", code="no-environment")
    tree = read_table(path, shown)
    base = tree.entries.get("extends")
    if base is None:
        return tree
    if not isinstance(base, Scalar) or not isinstance(base.value, str):
        raise ConfigError(f"{base.origin}: extends names one environment file, such as `extends: base`")
    own = Table({key: entry for key, entry in tree.entries.items() if key != "extends"}, tree.origin)
    if not (folder / f"{base.value}.yaml").is_file() and good_name(base.value):
        raise ConfigError(f"{base.origin}: extends {base.value!r}, but {folder.name}/{base.value}.yaml does not exist")
    below = _extended(folder, base.value, (*chain, name))
    return Table(merge(below, own).entries, own.origin)


def _without_free_keys(tree: Table) -> Table:
    """Without `x-` keys, at every depth where a map of ours stands; an application's own variables stay."""
    kept: dict[str, Node] = {}
    for key, entry in tree.entries.items():
        if key.startswith("x-"):
            continue
        kept[key] = _without_free_keys(entry) if isinstance(entry, Table) and key not in ("env", "headers") else entry
    return Table(kept, tree.origin)


def _from_variables(variables: Mapping[str, str], keys: Sequence[str], tree: Table) -> Table:
    ours = {name: value for name, value in variables.items() if name.upper().startswith(PREFIX)}
    ours = {name.upper() if _is_plain(name) else name: value for name, value in ours.items()}
    known = {key.upper() for key in keys}
    for name in ours:
        if not name.isprintable():
            raise ConfigError(f"variable {name[:80]!a} has characters that cannot be shown; use a plain name")
        head = name[len(PREFIX) :].split("__")[0]
        if "__" in name and head.upper() not in known:
            hint = did_you_mean(head.lower(), keys)
            raise ConfigError(f"variable {name[:80]}: there is no key {head.lower()[:60]!r}; {hint}")
    raw = _exploded({name: value for name, value in ours.items() if name[len(PREFIX) :] not in NOT_KEYS}, known)
    return _named(raw, tree, PREFIX.rstrip("_"), ())


def _is_plain(name: str) -> bool:
    return "__" not in name


def _exploded(variables: Mapping[str, str], known: set[str]) -> dict[str, Any]:
    """{"TARGETS": {"WEB": {"PATH": "/srv"}}} of RELEASER_TARGETS__WEB__PATH=/srv."""
    if not variables:
        return {}
    from pydantic import create_model
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

    class Variables(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter="__", case_sensitive=True, enable_decoding=False
        )

    fields: dict[str, Any] = dict.fromkeys(known, (dict[str, Any] | None, None))
    source = EnvSettingsSource(create_model("Fields", __base__=Variables, **fields), case_sensitive=True)
    source.env_vars = variables
    return source()


def _named(raw: Mapping[str, Any], beside: Node | None, variable: str, path: tuple[str, ...]) -> Table:
    """Keys in the case that the files use; a new one is lower case, but the application's variables stay as they are."""
    there = beside.entries if isinstance(beside, Table) else {}
    entries: dict[str, Node] = {}
    for name, value in raw.items():
        same = [key for key in there if key.upper().replace("-", "_") == name.upper()]
        key = same[0] if same else name if "env" in path else name.lower()
        joined = f"{variable}{'_' if not path else '__'}{name}"
        if isinstance(value, Mapping):
            entries[key] = _named(value, there.get(key), joined, (*path, key))
        else:
            entries[key] = read_value(str(value), f"variable {joined}")
    return Table(entries, f"variable {variable}")


def _from_setting(setting: str, keys: Sequence[str]) -> Table:
    """--set targets.web.path=/srv/shop"""
    key, equals, value = setting.partition("=")
    parts = key.split(".")
    if not equals or not all(parts) or not key.isprintable():
        raise ConfigError(f"--set {key[:80]!r} is not key=value; write for example --set fleet.drain=10s")
    origin = f"--set {key[:80]}"
    if parts[0] not in keys:
        raise ConfigError(f"{origin}: there is no key {parts[0][:60]!r}; {did_you_mean(parts[0], keys)}")
    table = Table({parts[-1]: read_value(value, origin)}, origin)
    for part in reversed(parts[:-1]):
        table = Table({part: table}, origin)
    return table
