"""kill -9, SIGSTOP, a reboot of the router: each ends on stable within T and the guard's delay, and then settled."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from local_environment import Local, events_of, failed_by_us, until_kind

from releaser.core.events import Asked
from releaser.core.values import Outcome

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TIMER = 3.0
POSITIONS, EVERY = 40, 13
"""Of the command line itself; a release has about forty entries. test_every_position.py has them all."""
ENDS = (Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.CANCELLED)
DELAY = 1.5
"""The guard looks every 0.2 s and then writes; the rest is this machine's load."""


def killed_after(local: Local, version: str, seq: int) -> dict[str, Any]:
    """Promote in a process of its own and kill its whole group once entry number `seq` is journaled; the last thing it told."""
    last: dict[str, Any] = {}
    with local.spawn("promote", version) as process:
        for told in events_of(process):
            last = told
            if told.get("seq", -1) >= seq:
                break
    return last


def test_kill_9_at_positions_all_over_the_journal(local: Local) -> None:
    """Each restart ends promoted or rolled back, and nobody's request is failed by us."""
    with local.traffic() as load:
        for seq in range(int(os.environ.get("FIRST_POSITION", "1")), POSITIONS, EVERY):
            version = f"2.0.{seq}"
            local.build(version)
            before = local.split()
            killed_after(local, version, seq)
            ends = (before, {version: 100})
            local.until(lambda e=ends: local.split() in e, TIMER + DELAY, f"one or the other after entry {seq}")  # type: ignore[misc]  # the lambda's default is typed by its value
            local.until(lambda: not _alive(local), TIMER + DELAY, "the lease is over")
            local.until(lambda: _nobody_just_begins(local), TIMER + DELAY, "what was opened and no more counts as dead")
            for rollout in local.session().clear_the_way():
                assert rollout.outcome in ENDS, (seq, rollout.finished)
            assert local.settled(), seq
            assert local.split() in ends, seq
            assert local.session().journal.open_rollouts("test") == []
        time.sleep(0.3)
    assert failed_by_us(load.results) == []


def _nobody_just_begins(local: Local) -> bool:
    opened = local.watcher.journal.open_rollouts("test")
    return len(local.watcher.abandoned()) == len(opened)


def _alive(local: Local) -> bool:
    holder = local.ledger().holder
    return holder is not None and holder.left > 0


def test_a_holder_that_sleeps_beyond_its_lease_only_cleans_up_when_it_wakes(local: Local) -> None:
    """Its old fence is refused; under a new one, which nobody else has taken, it writes no more than the way back."""
    local.build("1.1.0")
    with local.traffic(), local.spawn("promote", "1.1.0") as process:
        until_kind(process, "Shifted")
        os.killpg(process.pid, signal.SIGSTOP)
        local.until(lambda: local.split() == {"1.0.0": 100}, TIMER + DELAY, "the guard goes back")
        os.killpg(process.pid, signal.SIGCONT)
        rest = list(events_of(process))
        assert process.wait() == 3, rest[-1:]
        assert local.split() == {"1.0.0": 100}
        events = [told["event"] for told in rest if "event" in told]
        assert any(event["kind"] == "Fired" for event in events)
        assert [event for event in events if event["kind"] == "Shifted" and not event["urgent"]] == []
        assert local.settled()


def test_a_reboot_of_the_router_goes_back(local: Local) -> None:
    local.build("1.1.0")
    with local.traffic(), local.spawn("promote", "1.1.0") as process:
        until_kind(process, "Shifted")
        (local.site / "boot_id").write_text("another boot\n")
        local.until(lambda: local.split() == {"1.0.0": 100}, TIMER + DELAY, "the guard of the new boot goes back")
        rest = list(events_of(process))
        assert process.wait() == 3, rest[-1:]
    for rollout in local.session().clear_the_way():
        assert rollout.outcome is Outcome.ROLLED_BACK
    assert local.settled()


def test_a_rollback_from_another_machine_needs_no_journal(local: Local) -> None:
    local.build("1.1.0")
    with local.traffic(), local.spawn("promote", "1.1.0") as process:
        until_kind(process, "Shifted")
        assert local.rollback(machine="elsewhere").outcome is Outcome.ROLLED_BACK
        assert local.split() == {"1.0.0": 100}
        generation = local.ledger().generation
        rest = list(events_of(process))
        assert process.wait() == 3, rest[-1:]
        assert local.ledger().generation == generation
    ledger = local.ledger()
    assert [name.rpartition("-")[0] for name in ledger.bad] == ["1.1.0"]
    assert ledger.frozen is not None


def test_two_at_once_one_is_told_who_holds_it(local: Local) -> None:
    for version in ("1.1.0", "1.2.0"):
        local.build(version)
    with local.traffic(), local.spawn("promote", "1.1.0") as first:
        until_kind(first, "Acquired")
        with local.spawn("promote", "1.2.0") as second:
            *_, refused = events_of(second)
            assert second.wait() == 7, refused
        assert refused["reason"] == "lock-held"
        *_, answer = events_of(first)
        assert first.wait() == 0, answer


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_takes_traffic_back_and_a_second_one_does_not_skip_it(local: Local, name: str) -> None:
    local.build("1.1.0")
    with local.traffic() as load, local.spawn("promote", "1.1.0") as process:
        until_kind(process, "Shifted")
        process.send_signal(getattr(signal, name))
        process.send_signal(signal.SIGTERM)
        *_, answer = events_of(process)
        assert process.wait() == 3, answer
        assert answer["outcome"] == "rolled_back"
        assert answer["seconds"] < 5.0
        assert local.split() == {"1.0.0": 100}
    assert failed_by_us(load.results) == []
    ledger = local.ledger()
    assert (dict(ledger.bad), ledger.frozen) == ({}, None)


def test_a_rollback_goes_on_while_the_journal_is_locked(local: Local) -> None:
    """Another process holds the journal for ever: the way back does not wait for it, and is written down later."""
    with local.traffic():
        local.promote("1.1.0")
    path = local.session().journal.path
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        back = local.rollback(machine="here")
        assert back.outcome is Outcome.ROLLED_BACK
        assert local.split() == {"1.0.0": 100}
    finally:
        holder.close()
    summary = local.session().journal.rollout(back.id)
    assert summary is not None
    assert summary.outcome == "rolled_back"


SLOW_STEPS = """\
strategy: canary
steps: [ { weight: 50%, approve: { by: "ada", within: 10m } }, { weight: 100% } ]
bake: 30s
judge: { errors: { not_worse_than: 2x, within: 20% }, beta: 20% }
budget: { step: 60s, release: 5m, rollback: 10s, deadman: 3s, ready: 30s }
"""
"""An approval to wait for, and a bake that is long enough to be disturbed."""
SLOW = 10.0
"""Seconds for a machine that has much else to do."""
MOMENTS = ("Armed", "Shifted", "ApprovalAsked", "baking")


def until_moment(local: Local, process: Any, moment: str) -> None:
    """The release waits for its approval, or bakes with all users on the candidate."""
    if moment != "baking":
        until_kind(process, moment)
        return
    until_kind(process, "ApprovalAsked")
    local.session().ask(Asked("approve", "ada"), wait=time.sleep)
    told = until_kind(process, "Shifted")
    assert dict(told["event"]["split"]["weights"]).popitem()[1] == 100, told


def drill(
    local: Local, moment: str, disturb: Callable[["subprocess.Popen[str]"], None], wake: Callable[..., None]
) -> None:
    """The guard goes back in time, what wakes afterwards writes nothing forward, and in the end nothing is armed."""
    (local.root / "playbooks" / "quick.yaml").write_text(SLOW_STEPS)
    local.build("1.1.0")
    with local.traffic() as load, local.spawn("promote", "1.1.0") as process:
        until_moment(local, process, moment)
        disturb(process)
        local.until(lambda: local.split() == {"1.0.0": 100}, TIMER + SLOW, "the guard goes back")
        local.until(lambda: local.ledger().armed_left is None, TIMER + SLOW, "it has fired")
        fence = local.ledger().fence
        wake(process)
        rest = [told["event"] for told in events_of(process) if "event" in told]
        assert process.wait() == 3, rest[-1:]
        assert [one for one in rest if one["kind"] == "Shifted" and not one["urgent"]] == []
        assert local.ledger().fence >= fence
        assert local.settled()
        generation = local.ledger().generation
        time.sleep(TIMER + DELAY)
        assert (local.split(), local.ledger().generation) == ({"1.0.0": 100}, generation), "something was still armed"
    assert failed_by_us(load.results) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_holder_that_sleeps_at_any_step_goes_forward_no_more(local: Local, moment: str) -> None:
    drill(
        local,
        moment,
        lambda process: os.killpg(process.pid, signal.SIGSTOP),
        lambda process: os.killpg(process.pid, signal.SIGCONT),
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_reboot_of_the_router_at_any_step_goes_back(local: Local, moment: str) -> None:
    drill(local, moment, lambda _: reboot(local), lambda _: None)


def reboot(local: Local) -> None:
    """Another boot id, and the guard of the old boot is no more: the next agent that comes by starts one."""
    guard = json.loads((local.site / "guard.json").read_text())["pid"]
    (local.site / "boot_id").write_text("another boot\n")
    os.kill(guard, signal.SIGKILL)
