"""Who only looks changes nothing; and whatever stands where releaser's own router should listen is named, and left alone."""

import socket

import pytest
from cli_stage import Cli

pytestmark = pytest.mark.real


def left_by(cli: Cli) -> set[str]:
    """Files below the environment's path, but the agent's own, which answers the questions."""
    below = cli.root / ".releaser" / "demo"
    return {str(path.relative_to(below)) for path in below.rglob("*") if "agent" not in path.parts}


def test_plan_and_status_start_nothing_and_write_nothing(fresh: Cli) -> None:
    before = left_by(fresh)
    assert fresh.status()["state"] == "empty"
    planned = fresh.run("plan", "1.0.0")
    assert (planned.code, planned.document["plan"]["first"]) == (0, True)
    assert fresh.processes() == []
    assert left_by(fresh) - before <= {".releaser"}
    promoted = fresh.run("promote", "1.0.0", "--expect-plan", planned.document["plan_digest"])
    assert (promoted.code, promoted.document["outcome"]) == (0, "promoted"), promoted


def test_a_stranger_on_the_routers_port_is_named_and_left_alone(fresh: Cli) -> None:
    with socket.create_server(("127.0.0.1", fresh.stage.listen)) as stranger:
        for words in (("plan", "1.0.0"), ("promote", "1.0.0", "-y")):
            refused = fresh.run(*words)
            assert (refused.code, refused.document["reason"]) == (6, "port-taken"), refused
            assert f"port {fresh.stage.listen}" in refused.document["message"]
            assert "adopt" not in " ".join(refused.document["fix"])
        assert str(fresh.stage.listen) in str(fresh.status()["silent"])
        assert fresh.processes() == []
        assert stranger.getsockname()[1] == fresh.stage.listen


def test_a_stranger_on_a_slots_port_is_named_before_anything_is_begun(fresh: Cli) -> None:
    told = {one["key"]: one["value"] for one in fresh.run("config").document["config"]}
    with socket.create_server(("127.0.0.1", int(told["targets.web.ports.blue"]))):
        for verb in ("plan", "promote"):
            refused = fresh.run(verb, "1.0.0")
            assert (refused.code, refused.document["reason"]) == (6, "port-taken"), refused
            assert "releaser adopt -e demo" in refused.document["fix"]
    assert fresh.run("history").document["history"] == []
