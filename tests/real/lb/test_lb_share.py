"""A rule of the load balancer's own sends users past the split: what releaser set reads back, and requests tell otherwise."""

import json
import subprocess
import time
from typing import Any

import pytest
from balancers import BALANCERS
from machines import Machine
from shop import PLAYBOOK, heard, shop

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
CONFIG = "/etc/haproxy/haproxy.cfg"
RULE = "    use-server web1.example.com_green if { path_beg /api }\n"
STEPS = "{ weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }"
SLOW = PLAYBOOK.replace(STEPS, "{ weight: 10%, at_least: 4s }")
NO_PASS = 4.0


def rewrite(machine: Machine, old: str, new: str) -> None:
    config = machine.run("cat", CONFIG)
    assert old in config
    machine.write(CONFIG, config.replace(old, new))
    machine.run(*BALANCERS["haproxy"].reload)


def shares(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["router"]: one for one in told["event"]["shares"]}


def judged(release: "subprocess.Popen[str]", agreement: str) -> dict[str, Any]:
    """Read on to the first judgement that says so of lb1."""
    while True:
        told = heard(release, "Judged")
        if shares(told).get("web/lb1.example.com", {}).get("agreement") == agreement:
            return told


def test_a_step_holds_while_one_load_balancer_sends_another_share_and_goes_on_afterwards() -> None:
    with shop("haproxy", playbook=SLOW) as site:
        assert site.promote("1.0.0").returncode == 0
        site.build("1.1.0")
        rewrite(site.machine("lb1"), "balance roundrobin\n", "balance roundrobin\n" + RULE)
        site.serves("lb1.example.com")
        with (
            site.users(60.0) as users,
            site.users(20.0, at=["lb1.example.com"], path="/api") as strayed,
            site.spawn("promote", "1.1.0", "-y") as release,
        ):
            told = judged(release, "disagrees")
            assert told["event"]["why"].startswith("web/lb1.example.com was told 10 % and sends "), told
            one, other = (shares(told)[f"web/lb{number}.example.com"] for number in (1, 2))
            assert one["weight"] == other["weight"] == 10
            assert 0.125 < one["low"] < one["candidate"] / one["requests"] < one["high"]
            assert other["agreement"] != "disagrees"
            time.sleep(NO_PASS)
            assert site.splits() == {"lb1": {"1.0.0": 90, "1.1.0": 10}, "lb2": {"1.0.0": 90, "1.1.0": 10}}
            status = site.command("status", output="table").stdout
            assert "web/lb1.example.com STRAYS: " in status
            assert "set 10 %, observed " in status
            rewrite(site.machine("lb1"), RULE, "")
            passed = heard(release, "Passed")
            assert passed["event"]["by"] == "judge"
            assert passed["at"] - told["at"] > NO_PASS
            assert json.loads(_last(release))["outcome"] == "promoted"
        assert site.splits() == {"lb1": {"1.1.0": 100}, "lb2": {"1.1.0": 100}}
        assert users.versions == strayed.versions == {"1.0.0", "1.1.0"}


def _last(release: "subprocess.Popen[str]") -> str:
    assert release.stdout is not None
    return release.stdout.readlines()[-1]
