"""Two people on two machines, each with a journal of its own, before the same load balancers: the ledgers there decide."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fleet_stage import PLAYBOOK, Fleet, fleet

from releaser.core.plan import Plan
from releaser.core.values import Outcome
from releaser.engine.session import Session
from releaser.ports import Claim, Settling

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
SLOW = PLAYBOOK.replace("{ weight: 50% }", "{ weight: 50%, at_least: 2m }").replace("step: 60s", "step: 3m")
ASKING = SLOW.replace("2m }", "2m }, { weight: 75%, approve: { by: ops } }, { weight: 90%, at_least: 2m }")
BRIEF = PLAYBOOK.replace("release: 4m, rollback: 20s, deadman: 10s", "release: 2s, rollback: 8s, deadman: 6s")


@pytest.fixture(scope="module")
def site() -> Iterator[Fleet]:
    """1.0.0 answers through both load balancers."""
    with fleet({"web": 2}) as made:
        (made.root / "playbooks" / "slow.yaml").write_text(SLOW)
        (made.root / "playbooks" / "asking.yaml").write_text(ASKING)
        (made.root / "playbooks" / "brief.yaml").write_text(BRIEF)
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            made.build(version)
        assert made.run("promote", "1.0.0").code == 0
        yield made


def test_the_second_one_is_refused_and_heard_through_the_inbox(site: Fleet) -> None:
    with site.users(), site.spawned("promote", "1.1.0", "--playbook", "asking") as process:
        _until(process, "Judged")
        fences = _fences(site)
        second = site.run("promote", "1.2.0", machine="there")
        assert (second.code, second.document["reason"]) == (7, "lock-held"), second.document["message"]
        assert "ada@here brings 1.1.0-" in second.document["message"]
        assert _fences(site) == fences
        assert _halves(site)
        for verb, kind in (("pause", "Paused"), ("resume", "Resumed")):
            assert site.run(verb, machine="there").code == 0
            assert _until(process, kind)["by"] == "ada@there"
        assert site.run("advance", "--reason", "seen enough", "--expect", "1.1.0/1", machine="there").code == 0
        passed = _until(process, "Passed")
        assert (passed["by"], passed["step"], passed["why"]) == ("ada@there", 0, "seen enough")
        assert _until(process, "ApprovalAsked")["of"] == "ops"
        assert site.run("approve", "--reason", "looked at it", machine="there").code == 0
        assert _until(process, "Approved")["by"] == "ada@there"
        assert _until(process, "StepBegun")["weight"] == 90
        assert site.run("abort", machine="there").code == 0
        assert _until(process, "TurnedBack")["by"] == "ada@there"
        assert process.wait(60) == 3
    assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}


def test_who_was_asleep_cannot_write_after_a_rollback_from_elsewhere(site: Fleet) -> None:
    with site.users(), site.spawned("promote", "1.1.0", "--playbook", "slow") as process:
        _until(process, "Judged")
        os.killpg(process.pid, signal.SIGSTOP)
        back = site.run("rollback", "--not-bad", machine="there")
        assert back.code == 0, back.document["message"]
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(60) in (3, 5)
    assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}
    assert {state.holder for state in site.watcher.observe().ledgers.values()} == {None}
    assert site.run("unfreeze", "--reason", "the next test", machine="there").code == 0


def test_a_ledger_that_refuses_gives_the_others_back(site: Fleet) -> None:
    session = _there(site)
    plan = session.plan("1.2.0")
    assert isinstance(plan, Plan), plan
    first, second = sorted(session.world.sites)
    ledger = session.world.sites[second].ledger
    fence = ledger.read(within=5).fence + 1
    ledger.acquire(Claim("bo@desk", "other", plan.to, None, plan.binding, 30.0), fence, force=False, within=5)
    refused = session.drive(plan)
    assert refused.outcome is Outcome.REFUSED
    assert "bo@desk" in refused.refused.why if refused.refused else False
    assert session.world.sites[first].ledger.read(within=5).holder is None
    ledger.settle(Settling("cancelled", "other", None), fence=fence, within=5)
    assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}


def test_one_that_was_away_in_a_rollback_is_raised_by_recover(site: Fleet) -> None:
    """The reachable one goes home at once; the other serves 1.1.0 until somebody can tell it."""
    with site.users():
        promoted = site.run("promote", "1.1.0", machine="there")
        assert promoted.code == 0, promoted.document["message"]
    lost = site.targets["web"].balancers[1]
    lost.stop()
    back = site.run("rollback", "--set", "playbook=brief", machine="here")
    assert (back.code, back.document["outcome"]) == (5, "incomplete"), back.document["message"]
    assert lost.address in back.document["message"]
    assert list(site.splits().values()) == [{"1.0.0": 100}]
    lost.start()
    assert sorted(map(str, site.splits().values())) == ["{'1.0.0': 100}", "{'1.1.0': 100}"]
    assert site.run("status", "--check").code == 5
    for _ in range(2):  # the first may take back what was left in the middle, then everybody is brought home
        recovered = site.run("recover")
        assert recovered.code in (0, 3), recovered.document["message"]
    assert set(map(str, site.splits().values())) == {"{'1.0.0': 100}"}
    ledgers = site.watcher.observe().ledgers.values()
    assert len({(ledger.current, ledger.holder, ledger.candidate) for ledger in ledgers}) == 1
    assert site.answers("web", 8) == {"1.0.0"}


def _there(site: Fleet) -> Session:
    session = Session.open("test", site.root, environ=site.environ("there"), by="ada@there")
    site.sessions.append(session)
    return session


def _fences(site: Fleet) -> dict[str, int]:
    return {name: ledger.fence for name, ledger in site.watcher.observe().ledgers.items()}


def _halves(site: Fleet) -> bool:
    return all(split == {"1.0.0": 50, "1.1.0": 50} for split in site.splits().values())


def _until(process: "subprocess.Popen[str]", kind: str) -> dict[str, Any]:
    """Read the release's events until one of this kind."""
    assert process.stdout is not None
    end = time.monotonic() + 100
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line).get("event", {})
        if event.get("kind") == kind:
            return event
        assert time.monotonic() < end, kind
    raise AssertionError(f"it ended before {kind}")
