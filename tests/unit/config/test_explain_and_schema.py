import json
from pathlib import Path

import pytest

from releaser.config.explain import HIDDEN, explain, references
from releaser.config.playbook import playbook_names
from releaser.config.read import load_environment
from releaser.config.schema import environment_schema, playbook_schema
from releaser.config.tree import Table
from releaser.config.yaml_source import read_file
from releaser.engine.registry import Registry
from releaser.errors import ConfigError

PROJECT = Path(__file__).parents[3]
SHIPPED = PROJECT / "environments"


def lines(name: str, options: Registry, *settings: str) -> dict[str, tuple[str, str]]:
    environment, tree = load_environment(SHIPPED, name, options, settings=settings)
    return {line.key: (line.value, line.origin) for line in explain(environment, tree)}


def line_with(beginning: str) -> int:
    """The line of the example that begins so, counted from 1."""
    written = (SHIPPED / "staging.yaml").read_text().splitlines()
    return next(number for number, text in enumerate(written, 1) if text.startswith(beginning))


def test_every_value_says_where_it_comes_from(options: Registry) -> None:
    shown = lines("staging", options, "fleet.drain=5s")
    assert shown["targets.web.path"] == ("/srv/shop", "default")
    assert shown["targets.web.ssh.user"] == ("deploy", f"environments/staging.yaml:{line_with('user:')}")
    assert shown["targets.web.hosts[0].name"] == (
        "staging1.example.com",
        f"environments/staging.yaml:{line_with('hosts:')}",
    )
    assert shown["targets.web.router.backend"] == ("shop", f"environments/staging.yaml:{line_with('router:')}")
    assert shown["probes.up.path"] == ("/healthz", f"environments/staging.yaml:{line_with('health:')}")
    assert shown["fleet.drain"] == ("5s", "--set fleet.drain")
    assert shown["fleet.keep_warm"] == ("24h", "default")


def test_secrets_are_shown_as_references_only(options: Registry) -> None:
    shown = lines(
        "staging", options, "env.DB_PASSWORD=hunter2", "env.DSN=postgres://me:hunter2@db/x", "env.API_KEY=file:./s.env#K",
        "env.LOG_LEVEL=debug", 'probes.up.headers={Authorization: "Bearer hunter2"}',
    )  # fmt: skip
    assert "hunter2" not in json.dumps(shown)
    assert shown["env.DB_PASSWORD"][0] == shown["env.DSN"][0] == shown["probes.up.headers.Authorization"][0] == HIDDEN
    assert shown["env.API_KEY"][0] == "file:./s.env#K"
    assert shown["env.LOG_LEVEL"][0] == "debug"


def test_each_reference_is_collected_once(options: Registry) -> None:
    environment, _ = load_environment(
        SHIPPED, "production", options, settings=["env.headers=env:PROBE", "env.COPY=env:PROBE"]
    )
    assert [str(one) for one in references(environment, ("file", "env"))] == [
        "env:PROBE",
        "file:./secrets.env#DATABASE_URL",
    ]


@pytest.mark.parametrize("name", ["demo", "staging", "production"])
def test_the_shipped_environments_hold_together(name: str, options: Registry) -> None:
    environment, _ = load_environment(SHIPPED, name, options)
    assert environment.playbook in playbook_names([PROJECT / "playbooks"])


def test_the_cluster_example_waits(options: Registry) -> None:
    with pytest.raises(ConfigError, match="is empty"):
        load_environment(SHIPPED, "cluster", options)


def test_the_schemas_know_every_key_of_the_shipped_files(options: Registry) -> None:
    schema = environment_schema(options)
    for name in ("demo", "staging", "production"):
        tree = read_file(SHIPPED / f"{name}.yaml", name)
        assert isinstance(tree, Table)
        assert set(tree.entries) <= set(schema["properties"])
    assert schema["required"] == ["app", "artifact"]
    assert schema["additionalProperties"] is False
    assert "^x-" in schema["patternProperties"]
    assert "name" not in schema["properties"]
    assert schema["$defs"]["Fleet"]["properties"]["drain"]["default"] == "30s"
    assert {"backend", "managed", "hosts", "state"} <= set(schema["$defs"]["HaproxyRouter"]["properties"])
    steps = playbook_schema()["$defs"]["StepForm"]["properties"]
    assert set(steps) == {"weight", "at_least", "approve"}
