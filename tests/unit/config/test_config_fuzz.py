"""At least 2,000 generated configurations, --set lines and variables: a checked environment, or one clear ConfigError."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releaser.config.environment import canonical
from releaser.config.explain import explain
from releaser.config.playbook import read_playbook
from releaser.config.read import load_environment, read_resolved
from releaser.config.references import find_reference
from releaser.config.schema import environment_schema
from releaser.config.templates import fill
from releaser.config.tree import Table
from releaser.config.yaml_source import read_text
from releaser.engine.registry import Registry
from releaser.errors import ConfigError

BASE = {
    "app": "shop",
    "artifact": "dist/shop-{version}.tar.gz",
    "hosts": ["web1.example.com"],
    "run": "./bin/shop --port {port}",
    "router": "haproxy://lb1.example.com/shop",
}
HOSTILE = ["../../etc", "-rf", "{{7*7}}", "{0.__class__}", "$(id)", "a\nb", "\x1b[2J", "'; drop", "é", "\u202e", "", " ", "~", "file:../x#A",
           "vault:a#b", "env:X", "haproxy://", "envoy://local:99999", "://", "http://[", "1e400", "99999999999999999999", "30s", "5%", "1.1x", "٣"]  # fmt: skip
KEYS = ["app", "artifact", "hosts", "run", "router", "env", "targets", "probes", "fleet", "waves", "playbook", "versions", "url", "user", "health",
        "path", "ports", "shared", "ssh", "connection", "extends", "hosts_from", "hooks", "vault", "x-a", "web", "kind", "up", "errors", "drain",
        "blue", "green", "every", "name", "headers", "steps", "weight", "judge", "budget", "freeze_after_rollback", "known_hosts", "state"]  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=20), st.sampled_from(HOSTILE),
    st.sampled_from(["hosts", "http", "router", "envoy", "haproxy", "local", "ssh", "8080", "/srv/shop"]),
)  # fmt: skip
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=8), st.sampled_from(HOSTILE))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)
RELAXED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
many = settings(max_examples=500, deadline=None, suppress_health_check=RELAXED, derandomize=True)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        environments = Path(made) / "environments"
        environments.mkdir()
        (environments / "base.yaml").write_text(yaml.safe_dump(BASE))
        yield environments


def check(folder: Path, options: Registry, text: str | None = None, **layers: Any) -> None:
    if text is not None:
        (folder / "x.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused: list[ConfigError] = []
    try:
        environment, tree = load_environment(folder, "x" if text is not None else "base", options, **layers)
    except ConfigError as error:
        refused.append(error)
    for refusal in refused:
        told = " ".join((refusal.message, *refusal.fix))
        assert told.isprintable(), "one line, and nothing in it that moves a cursor"
        return
    assert explain(environment, tree)
    assert read_resolved(json.loads(canonical(environment)), options) == environment


@given(changes=st.dictionaries(keys, values, max_size=4))
@many
def test_generated_environments_never_give_a_traceback(
    folder: Path, options: Registry, changes: dict[str, Any]
) -> None:
    check(folder, options, yaml.safe_dump({**BASE, **changes}, allow_unicode=True))


@given(
    part=st.sampled_from(["targets", "probes", "fleet", "env", "router", "hosts"]),
    change=values,
    inner=st.dictionaries(keys, values, max_size=4),
)
@many
def test_generated_parts_never_give_a_traceback(
    folder: Path, options: Registry, part: str, change: Any, inner: dict[str, Any]
) -> None:
    nested = {
        "targets": {"web": {**inner, "kind": "hosts"}},
        "probes": {"up": {**inner, "kind": "http"}},
        "fleet": inner,
        "env": inner,
    }
    check(folder, options, yaml.safe_dump({**BASE, part: nested.get(part, change)}))


@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
    | st.text(alphabet="{}[]:,-&*!|>'\"#%@` \nab1", max_size=60)
)
@many
def test_any_text_is_a_tree_or_one_clear_error(folder: Path, options: Registry, text: str) -> None:
    check(folder, options, text)


@given(
    lines=st.lists(
        st.builds(
            "{}={}".format,
            st.lists(keys, min_size=1, max_size=4).map(".".join),
            st.text(max_size=20) | st.sampled_from(HOSTILE),
        )
        | st.text(max_size=20),
        max_size=3,
    ),
    variables=st.dictionaries(
        st.builds("RELEASER_{}".format, st.lists(keys, min_size=1, max_size=4).map("__".join)),
        st.text(max_size=20) | st.sampled_from(HOSTILE),
        max_size=3,
    ),
)
@many
def test_generated_set_lines_and_variables_never_give_a_traceback(
    folder: Path, options: Registry, lines: list[str], variables: dict[str, str]
) -> None:
    check(folder, options, settings=lines)
    check(folder, options, variables=variables)
    check(folder, options, variables={name.upper(): value for name, value in variables.items()})


@given(given=st.dictionaries(keys, values, max_size=5))
@many
def test_generated_playbooks_never_give_a_traceback(given: dict[str, Any]) -> None:
    text = yaml.safe_dump({"steps": [{"weight": "100%"}], **given})
    with contextlib.suppress(ConfigError):
        tree = read_text(text, lambda line: f"x:{line}", "x")
        assert isinstance(tree, Table)
        read_playbook(tree, "x")


@given(text=st.text(max_size=40) | st.sampled_from(HOSTILE), value=st.text(max_size=20))
@many
def test_references_and_templates_stand_anything(text: str, value: str) -> None:
    with contextlib.suppress(ConfigError):
        find_reference(text, ("file", "env"), "x")
    filled = fill("run " + text, {"port": value})
    assert filled == "run " + text.replace("{port}", value)


def test_schemas_are_made_for_any_registry(options: Registry) -> None:
    assert environment_schema({})["properties"]
    assert environment_schema(dict(options))["properties"]
