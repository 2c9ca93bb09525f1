"""--host and --group: what they choose, and what is said where they choose nothing."""

from pathlib import Path

import pytest

from releaser.cli.chosen_hosts import HostChoice, chosen_hosts
from releaser.config.environment import Environment
from releaser.config.read import load_environment
from releaser.engine.registry import Registry
from releaser.errors import UsageError

FILE = """\
app: shop
artifact: dist/shop-{version}
targets:
  web:
    kind: hosts
    hosts: [{ name: web1, groups: [eu] }, { name: web2, groups: [eu, big] }, web3]
    run: ./bin/shop --port {port}
    path: /srv/shop
    router: { kind: haproxy, hosts: [lb1], socket: /s, state_file: /f, map: /m }
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / "production.yaml").write_text(FILE)
    return load_environment(tmp_path, "production", Registry.installed(()), variables={}, settings=())[0]


def test_names_and_groups_are_added_up(environment: Environment) -> None:
    assert chosen_hosts(environment, HostChoice()) == {"web1", "web2", "web3"}
    assert chosen_hosts(environment, HostChoice(groups=("eu",))) == {"web1", "web2"}
    assert chosen_hosts(environment, HostChoice(("web3",), ("big",))) == {"web3", "web2"}
    assert chosen_hosts(environment, HostChoice(("lb1",)), routers=True) == {"lb1"}
    assert "lb1" in chosen_hosts(environment, HostChoice(), routers=True)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (HostChoice(("web11",)), r"production has no host web11 \(did you mean web1\?\); it has web1, web2, web3"),
        (HostChoice(("lb1",)), "production has no host lb1"),
        (HostChoice(groups=("us",)), "production has no group us; it has big, eu"),
    ],
)
def test_a_match_of_nothing_is_an_error_that_names_what_there_is(
    environment: Environment, choice: HostChoice, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        chosen_hosts(environment, choice)


def test_where_nobody_is_in_a_group(tmp_path: Path) -> None:
    (tmp_path / "production.yaml").write_text(FILE.replace("groups: [eu]", "").replace(", groups: [eu, big]", ""))
    environment = load_environment(tmp_path, "production", Registry.installed(()), variables={}, settings=())[0]
    with pytest.raises(UsageError, match="none of its hosts is in a group"):
        chosen_hosts(environment, HostChoice(groups=("eu",)))
