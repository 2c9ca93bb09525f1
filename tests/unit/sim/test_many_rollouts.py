"""One loop in one process drives a thousand rollouts, each of its own environment: all end, and none costs more than in a small crowd."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest

from releaser.core import events as e
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome
from releaser.engine.observe import observe
from releaser.testing.sim_journal import SimJournal
from releaser.testing.sim_network import Network
from releaser.testing.sim_plans import NEW, OLD, STABLE, promotion
from releaser.testing.sim_process import Process
from releaser.testing.sim_quality import FAULTLESS, Quality
from releaser.testing.sim_time import GRID, Timeline
from releaser.testing.sim_users import WorldWatcher
from releaser.testing.sim_work import Work
from releaser.testing.sim_world import SimWorld

DAY = 86400.0
OUTAGE = Quality("outage", errors=1.0)


class Books:
    """What the process tells: the outcomes, and the most that its loop ever held at once."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome | None] = {}
        self.entries: Counter[str] = Counter()
        self.most_wakes = 0

    def renews(self, process: Process) -> None: ...

    def waits(self, work: Work) -> None: ...

    def calls(self, process: Process, call: str, host: str, work: Work) -> None: ...

    def died(self, process: Process) -> None: ...

    def troubled(self, process: Process, trouble: str) -> None: ...

    def spins(self, process: Process) -> None:
        pytest.fail("the loop writes and writes in one turn")

    def wrote(self, process: Process, entry: e.Entry, rollout: Rollout) -> None:
        self.entries[rollout.id] += 1
        self.most_wakes = max(self.most_wakes, len(process.loop.wakes))

    def ended(self, process: Process, rollout: Rollout) -> None:
        self.outcomes[rollout.id] = rollout.outcome


class Server(Process):
    """A process that counts how often its loop looks into the mailbox: once a message, and once a turn."""

    looks = 0

    def get(self, *, timeout: float) -> Any:
        self.looks += 1
        return super().get(timeout=timeout)


def drive(rollouts: int) -> tuple[Server, Books, Sequence[str]]:
    """As many environments as rollouts; the candidate of every tenth answers nothing but errors. Returns the names of those."""
    timeline, books = Timeline(), Books()
    chance = Random(5)  # noqa: S311 - a seed, no secret
    server = Server("server", timeline, chance, Network(), SimJournal("server", timeline), books)
    ruined = []
    plan = None
    for number in range(rollouts):
        name = f"env-{number}"
        bad = number % 10 == 0
        qualities = {OLD.id: FAULTLESS, STABLE.id: FAULTLESS, NEW.id: OUTAGE if bad else FAULTLESS}
        world = SimWorld(name, timeline, chance, WorldWatcher(), qualities)
        world.serve(STABLE, "blue", (OLD.id,))
        ports = world.ports(server, "somebody@server")
        if plan is None:  # the worlds are alike, so one plan is made for all of them
            made = promotion(observe(ports).seen(dict.fromkeys(ports.sites, 1)), NEW, "canary")
            assert made is not None
            plan = replace(made, steps=made.steps[-1:], bake=30.0)
        opened = e.Opened(replace(plan, environment=name), "server")
        timeline.at(number * GRID, server.begin, partial(server.loop.open, name, opened, ports))
        ruined += [name] if bad else []
    assert timeline.run(DAY, most=2000 * rollouts, dense=2000 * rollouts)
    return server, books, ruined


@pytest.fixture(scope="module")
def crowd() -> tuple[Server, Books, Sequence[str]]:
    return drive(1000)


def test_every_one_of_a_thousand_ends_by_its_own_evidence(crowd: tuple[Server, Books, Sequence[str]]) -> None:
    _, books, ruined = crowd
    assert len(books.outcomes) == 1000
    assert {name for name, outcome in books.outcomes.items() if outcome is Outcome.ROLLED_BACK} == set(ruined)
    assert set(books.outcomes.values()) == {Outcome.ROLLED_BACK, Outcome.PROMOTED}


def test_nothing_of_them_is_left_in_the_loop(crowd: tuple[Server, Books, Sequence[str]]) -> None:
    server, books, _ = crowd
    assert server.loop.driven == {}
    assert server.loop.finished == {}
    assert server.loop.recorder.backlog == []
    assert not server.pool.waiting
    assert books.most_wakes <= 10 * 1000  # one for each phase that ended before its limit, until that time comes


def test_a_rollout_costs_no_more_in_a_crowd(crowd: tuple[Server, Books, Sequence[str]]) -> None:
    server, books, _ = crowd
    few, few_books, _ = drive(50)
    assert server.looks / 1000 <= 1.1 * few.looks / 50
    assert sum(books.entries.values()) / 1000 <= 1.1 * sum(few_books.entries.values()) / 50
