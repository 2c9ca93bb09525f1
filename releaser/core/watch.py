"""What a rollout's questions brought in since the last step: passes in a row, who was asked when, and the judge.

Observations are not journaled: verdicts and passes are. After a crash this begins empty, as fresh evidence must.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from releaser.core.analysis.judge import Judge, Judgement
from releaser.core.commands import CheckHealth, Command, Count, Look
from releaser.core.events import Counted, HealthRead, Observation, RouterSeen
from releaser.core.plan import Plan
from releaser.core.values import Split

__all__ = ["Turn", "Watch"]

EAGER = 0.5
"""Seconds between two readings of the counters in the first step, where an outage shows, if they are read every second later."""


@dataclass(slots=True)
class Turn:
    """Where one question stands: asked at `at` while it is `under_way`, answered at `at` after that."""

    question: Command
    at: float = -math.inf
    under_way: bool = False

    def due(self, every: float) -> float:
        """When to ask this again: `every` after its last answer, at once if never asked, late if no answer comes."""
        return self.at + 4 * every + 10.0 if self.under_way else self.at + every


@dataclass(slots=True)
class Watch:
    """One per rollout, fed by the loop, read by decide."""

    plan: Plan
    judge: Judge = field(init=False)
    turns: dict[Command, Turn] = field(default_factory=dict)
    """Those of this step's questions."""
    looked_at: dict[str, float] = field(default_factory=dict)
    """Router -> when it last said what it shows."""
    passes: dict[tuple[str, str], int] = field(default_factory=dict)
    """(target, release) -> good answers in a row."""
    last: dict[tuple[str, str], str] = field(default_factory=dict)
    """(target, release) -> what the last answer said, in words."""
    drifted: dict[str, RouterSeen] = field(default_factory=dict)
    active: dict[str, tuple[float, dict[str, int]]] = field(default_factory=dict)
    """Router -> (when it said so, how many requests each release had under way there)."""
    step: int = -1
    around: tuple[tuple[Turn, float], ...] = ()
    """What is asked again and again in this step, and how often."""
    expected: tuple[tuple[str, Split | None], ...] = ()
    """What each router is to show in this step."""
    round: int = 0
    """Counts the steps begun: an answer to a question of an earlier round is about the world before the shift."""

    resumed: int = 0
    """Which of the person's resumptions this evidence began with."""
    weighed: tuple[float, Judgement] | None = None
    """(when, the verdict of that moment) while nothing came in since: a decision that records something is followed by another."""

    def __post_init__(self) -> None:
        self.judge = Judge(self.plan)

    def begin_anew(self, resumed: int) -> None:
        """A person ended a hold: what spoke against the candidate before was theirs to weigh, and is not counted again."""
        self.resumed = resumed
        self.judge = Judge(self.plan)
        self.weighed = None
        self.step = -1

    def begin(self, step: int, at: float) -> None:
        self.step = step
        self.round += 1
        self.weighed = None
        self.expected = tuple((router.name, self.plan.split_at(step, router)) for router in self.plan.routers)
        self.turns.clear()
        self.around = tuple((self.turn(question), every) for question, every in _around(self.plan, step))
        self.looked_at.clear()
        self.drifted.clear()
        self.judge.begin(step, at)

    def ask(self, question: Command, at: float) -> None:
        """It is under way from now on."""
        turn = self.turn(question)
        turn.at, turn.under_way = at, True

    def answered(self, question: Command, at: float) -> None:
        """It may be asked again."""
        turn = self.turn(question)
        turn.at, turn.under_way = at, False

    def turn(self, question: Command) -> Turn:
        turn = self.turns.get(question)
        if turn is None:
            turn = self.turns[question] = Turn(question)
        return turn

    def observe(self, question: Command, observation: Observation | RouterSeen, at: float) -> None:
        self.answered(question, at)
        self.weighed = None
        match observation:
            case HealthRead(target, release, reading):
                key = (target, release)
                self.passes[key] = self.passes.get(key, 0) + 1 if reading.passed else 0
                self.last[key] = reading.detail
                if self.step >= 0 and release == self.plan.to.id:
                    self.judge.health(target, reading, at)
            case Counted(router, counts):
                if counts is not None:
                    self.active[router] = at, {release: count.active for release, count in counts}
                if self.step >= 0:
                    self.judge.counted(router, None if counts is None else dict(counts), at)
            case RouterSeen():
                self.drifted[observation.router] = observation
                self.looked_at[observation.router] = at

    def unanswered(self, question: Command, at: float) -> None:
        """No answer came."""
        self.answered(question, at)
        if isinstance(question, CheckHealth):
            self.passes[(question.target, question.release)] = 0
        elif isinstance(question, Look):
            self.drifted.pop(question.router, None)

    def verdict(self, at: float) -> Judgement:
        if self.weighed is None or self.weighed[0] != at:
            self.weighed = at, self.judge.verdict(at)
        return self.weighed[1]


def _around(plan: Plan, step: int) -> Iterator[tuple[Command, float]]:
    """The counters of the routers that moved, the candidate's health, and what every router shows."""
    wave = plan.steps[step].wave
    if plan.judging.errors:
        eager = step == 0 and plan.steps[0].weight < 100 and plan.poll <= 2 * EAGER
        poll = min(plan.poll, EAGER) if eager else plan.poll
        yield from ((Count(router.name), poll) for router in plan.routers if router.wave == wave)
    yield from ((CheckHealth(target.name, plan.to.id), plan.health.every) for target in plan.targets)
    yield from ((Look(router.name), max(plan.poll, plan.budget.deadman / 2)) for router in plan.routers)
