"""More hosts than the fleet allows do not take the release: those that did are put back, and each reason has its own sentence."""

import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fleet_stage import PLAYBOOK, Fleet, eventually, fleet
from ssh_lab import Server

from releaser.core.values import SLOTS

sys.path.append(str(Path(__file__).parents[1] / "engine"))
from full_disk import disk, may_mount

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
HURRIED = PLAYBOOK.replace("step: 60s", "step: 15s").replace("{ weight: 50% }, ", "")
ROOM = 96 << 20
SICK = """\
import os, runpy, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Sick(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(503)

    def log_message(self, *said):
        pass

at = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if at["--host"] == {host!r} and os.path.exists({sick!r}):
    print("no database for", os.environ.get("TOKEN"), flush=True)
    HTTPServer((at["--host"], int(at["--port"])), Sick).serve_forever()
sys.argv[0] = "shop.py"
runpy.run_path("shop.py", run_name="__main__")
"""


def test_beyond_the_allowance_the_fleet_is_as_it_was() -> None:
    assert may_mount()
    with fleet({"web": 6}, balancers=1, playbook=HURRIED) as site, site_with_small_disk(site) as full:
        hosts = site.targets["web"].hosts
        assert site.promote("1.0.0").code == 0
        with site.users() as loads:
            _dead_before_the_plan(site, hosts[2])
            _refused_start(site, hosts[3])
            _full_disk(site, full)
            _dead_after_the_plan(site, hosts[4])
            _never_ready(site, hosts[5])
        assert [one for load in loads for one in load.results if one.failed_by_us] == []
        assert {one.version for load in loads for one in load.results} == {"1.0.0"}
        _left_out(site, hosts[5])


@contextmanager
def site_with_small_disk(site: Fleet) -> Iterator[Any]:
    """The second host's home is a disk that can be filled."""
    home = site.targets["web"].hosts[1].home
    home.rmdir()
    with disk("tmpfs", home, ROOM) as small:
        yield small


def _dead_before_the_plan(site: Fleet, host: Server) -> None:
    host.stop()
    refused = site.promote("1.1.0")
    host.start()
    assert (refused.code, refused.document["reason"]) == (6, "unreachable"), refused.document
    assert f"{host.address}: port" in refused.document["message"]
    _as_it_was(site)


def _refused_start(site: Fleet, host: Server) -> None:
    """Somebody takes the port between the plan and the start: the plan was right, and that host says no."""
    told = _after_the_plan(
        site, lambda: socket.create_server((host.address, site.targets["web"].ports[host.address][1]))
    )
    assert told["outcome"] == "rolled_back"
    assert f"1 of 6 hosts failed: {host.address} (port" in told["message"], told["message"]
    assert "is taken by pid" in told["message"]
    _as_it_was(site)


def _full_disk(site: Fleet, full: Any) -> None:
    told = _after_the_plan(site, full.fill)
    full.free()
    assert told["outcome"] == "rolled_back"
    address = site.targets["web"].hosts[1].address
    assert f"1 of 6 hosts failed: {address} (" in told["message"], told["message"]
    _as_it_was(site)


def _dead_after_the_plan(site: Fleet, host: Server) -> None:
    """It may come back, so it is tried until the step's time is over."""
    told = _after_the_plan(site, host.stop)
    host.start()
    assert told["outcome"] == "rolled_back", told
    assert f"1 of 6 hosts unreachable: {host.address} (" in told["message"], told["message"]
    _as_it_was(site)


def _never_ready(site: Fleet, host: Server) -> None:
    """It starts there and answers 503 for as long as it may: it is named with what it printed, without its secrets."""
    (site.root / "playbooks" / "brief.yaml").write_text(HURRIED.replace("ready: 40s", "ready: 4s"))
    (site.build("1.4.0") / "app.py").write_text(SICK.format(host=host.address, sick=str(host.home / "sick")))
    (host.home / "sick").touch()
    told = site.run("promote", "1.4.0", "--playbook", "brief", "--set", "env.TOKEN=sesame-9f31")
    assert (told.code, told.document["outcome"]) == (3, "rolled_back"), told.document
    why = f"1 host of one wave failed, 0 may: {host.address} (failed: not ready within 4 s: 503; it printed: "
    assert why in told.document["message"]
    assert "no database for ***" in told.document["message"]
    assert "sesame" not in json.dumps(told.document)
    _as_it_was(site)


def _left_out(site: Fleet, host: Server) -> None:
    """The same where the fleet allows one: the others get it, and it does not run there."""
    with site.users() as loads:
        told = site.run("promote", "1.4.0", "--playbook", "brief", "--set", "fleet.max_failed=1")
    assert [one for load in loads for one in load.results if one.failed_by_us] == []
    assert (told.code, told.document["outcome"]) == (0, "promoted"), told.document
    (missing,) = told.document["missing"]
    assert (missing["host"], missing["how"]) == (host.address, "failed")
    assert site.servers("web")[f"{host.address}_green"] == (False, 0)
    assert site.answers("web", 12) == {"1.4.0"}
    eventually(lambda: _word(site, host) == "stopped", 20, "it is stopped there")
    (host.home / "sick").unlink()
    home = site.run("recover", "--set", "fleet.max_failed=1")
    assert (home.code, [one["host"] for one in home.document["brought"]]) == (0, [host.address]), home.document


def _word(site: Fleet, host: Server) -> str:
    return next(one.hosts[host.address] for one in site.watcher.observe().slots["web"] if one.slot == SLOTS[1])


def _after_the_plan(site: Fleet, act: Any) -> dict[str, Any]:
    """Promote 1.3.0, and `act` while it stands still between its plan and the first host: the last thing that it says."""
    site.build("1.3.0")
    done = None
    with site.spawned("promote", "1.3.0") as process:
        assert process.stdout is not None
        told: dict[str, Any] = {}
        for line in process.stdout:
            told = json.loads(line)
            if told.get("event", {}).get("kind") == "Opened":
                process.send_signal(signal.SIGSTOP)
                done = act()
                process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 3, told
    if isinstance(done, socket.socket):
        done.close()
    return told


def _as_it_was(site: Fleet) -> None:
    """Users get 1.0.0, the new slot is stopped everywhere, the router has no new servers, and nobody is behind."""
    observed = site.watcher.observe()
    assert site.splits() == {name: {"1.0.0": 100} for name in observed.routers}
    for host in site.targets["web"].hosts:
        assert (host.home / "shop" / "current").resolve().name.startswith("1.0.0-")

    def stopped() -> bool:
        slots = {one.slot: one for one in site.watcher.observe().slots["web"]}
        return not slots[SLOTS[1]].busy and set(slots[SLOTS[0]].hosts.values()) == {"running"}

    eventually(stopped, 20, "the new slot is stopped everywhere")
    servers = site.servers("web")
    assert {name for name, (ready, _) in servers.items() if ready} == {
        f"{host.address}_blue" for host in site.targets["web"].hosts
    }
