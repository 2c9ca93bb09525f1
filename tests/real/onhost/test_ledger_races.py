import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from onhost_place import BINDING, CANARY, NEW, STABLE, Place, opened, until

from releaser.errors import FencedError, HeldError
from releaser.onhost import guard, statedir
from releaser.onhost.__main__ import answer
from releaser.ports import Frozen, LedgerState, Request, Settling

pytestmark = pytest.mark.real


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from opened(tmp_path)


def test_of_eight_acquires_at_once_exactly_one_wins(place: Place) -> None:
    def take(number: int) -> LedgerState | None:
        try:
            return place.site.ledger.acquire(place.claim(f"r{number}"), 1, force=False, within=60)
        except (HeldError, FencedError):
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [told for told in pool.map(take, range(8)) if told]
    assert len(won) == 1
    assert won[0].holder is not None
    seen = place.site.ledger.read(within=20).holder
    assert seen is not None
    assert seen.rollout == won[0].holder.rollout


def test_a_commit_and_the_guard_never_both_win(place: Place) -> None:
    """200 times: the timer is over and the commit comes at the same moment."""
    chance = random.Random(7)  # noqa: S311 - the same figures in each run
    wins = {"commit": 0, "guard": 0}
    place.site.ledger.acquire(place.claim(lease=600), 1, force=False, within=20)
    place.site.ledger.settle(Settling("cancelled", "r1", None), fence=1, within=20)
    for round_number in range(200):
        fence = place.fence() + 1
        place.rearm(fence, round_number)
        committed: list[bool] = []
        gate = threading.Barrier(2)
        lead = chance.uniform(-0.002, 0.002)

        def fire(gate: threading.Barrier = gate, lead: float = lead) -> None:
            gate.wait()
            threading.Event().wait(max(0.0, lead))
            guard._turn(place.state)

        def commit(
            gate: threading.Barrier = gate, lead: float = lead, fence: int = fence, done: list[bool] = committed
        ) -> None:
            gate.wait()
            threading.Event().wait(max(0.0, -lead))
            done.append(place.commit(fence))

        threads = [threading.Thread(target=fire), threading.Thread(target=commit)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ledger = statedir.load(place.state)
        assert statedir.switches(place.state) == []
        if committed == [True]:
            wins["commit"] += 1
            assert (ledger["fence"], ledger["settled"][1], place.applied().split) == (fence, "committed", CANARY)
        else:
            wins["guard"] += 1
            assert (ledger["fence"], place.applied().split) == (fence + 1, STABLE)
    assert sum(wins.values()) == 200
    assert min(wins.values()) > 0, "both orders must have been seen"
    assert answer("ledger.read", {"state": str(place.state)})["ok"]["armed_left"] is None


def test_what_the_ledger_tells_comes_back_as_values(place: Place) -> None:
    ledger = place.site.ledger
    ledger.edit({"adopt": {"release": NEW, "slot": "green", "split": STABLE, "generation": 3}}, within=20)
    ledger.edit({"post": Request("q1", "abort", "ada", {"reason": "x"})}, within=20)
    told = ledger.edit({"freeze": Frozen("ada", "holidays", None, ("hotfix",))}, within=20)
    assert told.router == "web/lb1"
    assert told.environment == "demo"
    assert told.releases == {NEW.id: NEW}
    assert told.slots == {"green": NEW.id}
    assert told.split == STABLE
    assert told.frozen == Frozen("ada", "holidays", None, ("hotfix",))
    assert told.inbox == (Request("q1", "abort", "ada", {"reason": "x"}),)
    assert ledger.edit({"taken": ["q1"], "unfreeze": {"by": "ada"}}, within=20).inbox == ()
    journal = ("j", 5, "head")
    held = ledger.acquire(place.claim(journal=journal), 4, force=False, within=20)
    assert held.holder is not None
    assert (held.holder.name, held.holder.fence, held.before, held.candidate) == ("ada@laptop", 4, STABLE, NEW.id)
    settled = ledger.settle(Settling("committed", "r1", NEW.id), fence=4, within=20)
    assert settled.settled == ("r1", "committed")
    assert (settled.journal, settled.good) == (journal, (NEW.id,))


def test_a_renewal_brings_the_inbox(place: Place) -> None:
    place.canary()
    place.site.ledger.edit({"post": Request("q1", "abort", "ada", {"reason": "x"})}, within=20)
    assert place.site.renew(fence=1, within=20).inbox == (Request("q1", "abort", "ada", {"reason": "x"}),)
    assert place.site.read(BINDING, within=20) == place.applied()
    assert place.site.count(BINDING, within=20)[NEW.id].completed == 1
    until(lambda: place.site.ledger.read(within=20).guard == "alive")
