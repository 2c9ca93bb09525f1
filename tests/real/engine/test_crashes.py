"""kill -9, SIGSTOP, a reboot of the router: each ends on stable within T and the guard's delay, and then settled."""

import os
import signal
import time
from typing import Any

import pytest
from local_environment import Local, events_of, failed_by_us

from releaser.core.values import Outcome

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TIMER = 3.0
DELAY = 1.5
"""The guard looks every 0.2 s and then writes; the rest is this machine's load."""


def killed_after(local: Local, version: str, seq: int) -> dict[str, Any]:
    """Promote in a process of its own and kill its whole group once entry number `seq` is journaled; that entry."""
    process = local.spawn("promote", version)
    last: dict[str, Any] = {}
    for told in events_of(process):
        last = told
        if told.get("seq", -1) >= seq:
            break
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return last


def settled(local: Local) -> bool:
    state = local.ledger()
    return state.armed_left is None and state.holder is None and state.candidate is None


@pytest.mark.parametrize("part", range(3))
def test_kill_9_at_every_position_of_the_journal(local: Local, part: int) -> None:
    """Each restart ends promoted or rolled back, and nobody's request is failed by us."""
    positions = 36
    with local.traffic() as load:
        for seq in range(part, positions, 3):
            version = f"2.0.{seq}"
            local.build(version)
            before = local.split()
            told = killed_after(local, version, seq)
            killed = time.monotonic()
            if "outcome" not in told:
                local.until(
                    lambda b=before, v=version: local.split() in (b, {v: 100}), TIMER + DELAY, f"stable after {seq}"
                )
                assert time.monotonic() - killed < TIMER + DELAY + 0.5
            for rollout in local.session().clear_the_way():
                assert rollout.outcome in (Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.CANCELLED), (
                    seq,
                    rollout.finished,
                )
            assert settled(local), seq
            assert local.split() in (before, {version: 100}), seq
            assert local.session().journal.open_rollouts("test") == []
        time.sleep(0.3)
    assert failed_by_us(load.results) == []


def test_a_holder_that_sleeps_beyond_its_lease_writes_nothing_when_it_wakes(local: Local) -> None:
    local.build("1.1.0")
    with local.traffic():
        process = local.spawn("promote", "1.1.0")
        for told in events_of(process):
            if told.get("event", {}).get("kind") == "Shifted":
                break
        os.killpg(process.pid, signal.SIGSTOP)
        local.until(lambda: local.split() == {"1.0.0": 100}, TIMER + DELAY, "the guard goes back")
        generation = local.ledger().generation
        os.killpg(process.pid, signal.SIGCONT)
        rest = list(events_of(process))
        assert process.wait() == 3, rest[-1:]
        assert local.split() == {"1.0.0": 100}
        assert local.ledger().generation == generation


def test_a_reboot_of_the_router_goes_back(local: Local) -> None:
    local.build("1.1.0")
    with local.traffic():
        process = local.spawn("promote", "1.1.0")
        for told in events_of(process):
            if told.get("event", {}).get("kind") == "Shifted":
                break
        (local.site / "boot_id").write_text("another boot\n")
        local.until(lambda: local.split() == {"1.0.0": 100}, TIMER + DELAY, "the guard of the new boot goes back")
        rest = list(events_of(process))
        assert process.wait() == 3, rest[-1:]
    for rollout in local.session().clear_the_way():
        assert rollout.outcome is Outcome.ROLLED_BACK
    assert settled(local)


def test_a_rollback_from_another_machine_needs_no_journal(local: Local) -> None:
    local.build("1.1.0")
    with local.traffic():
        process = local.spawn("promote", "1.1.0")
        for told in events_of(process):
            if told.get("event", {}).get("kind") == "Shifted":
                break
        back = local.rollback(machine="elsewhere")
        assert back.outcome is Outcome.ROLLED_BACK
        assert local.split() == {"1.0.0": 100}
        generation = local.ledger().generation
        list(events_of(process))
        assert process.wait() == 3
        assert local.ledger().generation == generation
    ledger = local.ledger()
    assert [name.rpartition("-")[0] for name in ledger.bad] == ["1.1.0"]
    assert ledger.frozen is not None


def test_two_at_once_one_is_told_who_holds_it(local: Local) -> None:
    for version in ("1.1.0", "1.2.0"):
        local.build(version)
    with local.traffic():
        first = local.spawn("promote", "1.1.0")
        for told in events_of(first):
            if told.get("event", {}).get("kind") == "Acquired":
                break
        second = local.spawn("promote", "1.2.0")
        *_, refused = events_of(second)
        assert second.wait() == 7, refused
        assert refused["reason"] == "lock-held"
        *_, answer = events_of(first)
        assert first.wait() == 0, answer


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_takes_traffic_back_and_a_second_one_does_not_skip_it(local: Local, name: str) -> None:
    local.build("1.1.0")
    with local.traffic() as load:
        process = local.spawn("promote", "1.1.0")
        for told in events_of(process):
            if told.get("event", {}).get("kind") == "Shifted":
                break
        process.send_signal(getattr(signal, name))
        process.send_signal(signal.SIGTERM)
        *_, answer = events_of(process)
        assert process.wait() == 3, answer
        assert answer["outcome"] == "rolled_back"
        assert answer["seconds"] < 5.0
        assert local.split() == {"1.0.0": 100}
    assert failed_by_us(load.results) == []
    assert local.ledger().bad == {}
    assert local.ledger().frozen is None
