"""One of two load balancers falls silent in the middle of a release: the other goes back at once, it goes back by itself."""

import signal
import time

import pytest
from machines import until
from shop import PLAYBOOK, heard, shop

from releaser.core.decision import GUARD_GENERATION

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
DEADMAN = 6.0


def test_a_shift_without_one_of_two_does_not_count_and_each_goes_back_in_its_own_way() -> None:
    with shop("haproxy", playbook=PLAYBOOK.replace("deadman: 10s", f"deadman: {DEADMAN:g}s")) as site:
        assert site.promote("1.0.0").returncode == 0
        site.build("1.1.0")
        silent = site.machine("lb2")
        with site.users() as users, site.spawn("promote", "1.1.0", "-y") as release:
            heard(release, "StepBegun", step=1)
            silent.silence()
            began = time.monotonic()
            turned = heard(release, "TurnedBack")
            assert turned["event"]["cause"] in {"deadline", "failure"}, turned
            back = heard(release, "Shifted", urgent=True)
            assert back["event"]["router"] == "web/lb1.example.com"
            assert back["at"] - turned["at"] < 2.0
            # nobody can tell it anything: it is its own guard that takes its users back
            until(lambda: int(site.asked("lb2")["x-releaser-generation"]) % 1000 == GUARD_GENERATION)
            assert {site.asked("lb2")["x-version"] for _ in range(20)} == {"1.0.0"}
            assert time.monotonic() - began < 2 * DEADMAN + 4.0
            status = site.command("status", output="table")
            assert "lb2.example.com UNREACHABLE (its own timer takes it back)" in status.stdout
            assert "lb1.example.com ok" in status.stdout
            ended = heard(release, "Finished")["event"]
            assert ended["outcome"] == "incomplete"
            assert "lb2.example.com did not answer; its own timer put it back" in ended["why"]
            assert release.wait(30) == 5
            silent.silence(signal.SIGCONT)
            recovered = site.command("recover")
            assert recovered.returncode in {0, 3}, recovered.stdout
        assert site.splits() == {"lb1": {"1.0.0": 100}, "lb2": {"1.0.0": 100}}
        assert users.failed_by_us == []
        site.build("1.2.0")
        assert site.command("plan", "1.2.0").returncode == 0
