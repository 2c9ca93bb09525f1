from typing import Any

import pytest
from pydantic import ValidationError

from releaser.adapters.hosts.options import HostsOptions

GOOD: dict[str, Any] = {"hosts": ["web1", "web2"], "path": "/srv/shop", "run": {"command": "./bin/shop --port {port}"}}


def test_a_host_may_differ() -> None:
    other = {"name": "web2", "ports": {"blue": 9001, "green": 9002}, "env": {"POOL": "20"}, "groups": ["eu"]}
    options = HostsOptions.model_validate(GOOD | {"hosts": ["web1", other]})
    assert options.ports_of("web1") == {"blue": 8001, "green": 8002}
    assert options.ports_of("web2") == {"blue": 9001, "green": 9002}


@pytest.mark.parametrize("name", ["shop@.service", "shop@{slot}.service", "my-shop_2:a.b@.service"])
def test_a_unit_may_run_the_slots(name: str) -> None:
    options = HostsOptions.model_validate(GOOD | {"run": {"systemd": name, "sudo": True}})
    assert options.run.unit() == {"systemd": name, "sudo": True}
    assert HostsOptions.model_validate(GOOD).run.unit() is None


def test_it_reads_back_what_it_writes_and_leaves_the_fleet_out() -> None:
    options = HostsOptions.model_validate(GOOD | {"parallel": 3})
    written = options.model_dump(mode="json", exclude_none=True)
    assert "parallel" not in written
    assert HostsOptions.model_validate(written | {"parallel": 3}) == options


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hosts": []}, "at least 1"),
        ({"hosts": ["web1", "web1"]}, "stands twice"),
        ({"hosts": ["-oProxyCommand=x"]}, "match pattern"),
        ({"path": "srv/shop"}, "match pattern"),
        ({"ports": {"blue": 1, "green": 1}}, "each slot needs its own"),
        ({"ports": {"blue": 0}}, "greater than or equal"),
        ({"run": {"systemd": "shop.service"}}, "match pattern"),
        ({"run": {"systemd": "../shop@.service"}}, "match pattern"),
        ({"run": {"systemd": "-shop@.service"}}, "match pattern"),
        ({"run": {"systemd": "shop@.service", "command": "./bin/shop"}}, "both a command and a systemd unit"),
        ({"run": {"command": "./bin/shop", "sudo": True}}, "sudo is for systemd units only"),
        ({"run": {}}, "needs a command or a systemd unit"),
        ({"run": {"command": "'open"}}, "cannot be split"),
        ({"run": {"command": "x {secret}"}}, "not known here"),
        ({"shared": ["../x"]}, "match pattern"),
        ({"colour": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_hold_together_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HostsOptions.model_validate(GOOD | change)
