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

__all__ = ["Watch"]

NEVER = (-math.inf, False)
EAGER = 0.5
"""Seconds between two readings of the counters in the first step, where an outage shows, if they are read every second later."""


@dataclass(slots=True)
class Watch:
    """One per rollout, fed by the loop, read by decide."""

    plan: Plan
    judge: Judge = field(init=False)
    turns: dict[Command, tuple[float, bool]] = field(default_factory=dict)
    """Question -> (when it was asked, True) while it is under way, (when it was answered, False) after that."""
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
    around: tuple[tuple[Command, float], ...] = ()
    """What is asked again and again in this step, and how often."""
    round: int = 0
    """Counts the steps begun: an answer to a question of an earlier round is about the world before the shift."""

    resumed: int = 0
    """Which of the person's resumptions this evidence began with."""

    def __post_init__(self) -> None:
        self.judge = Judge(self.plan)

    def begin_anew(self, resumed: int) -> None:
        """A person ended a hold: what spoke against the candidate before was theirs to weigh, and is not counted again."""
        self.resumed = resumed
        self.judge = Judge(self.plan)
        self.step = -1

    def begin(self, step: int, at: float) -> None:
        self.step = step
        self.round += 1
        self.around = tuple(_around(self.plan, step))
        self.turns.clear()
        self.looked_at.clear()
        self.drifted.clear()
        self.judge.begin(step, at)

    def ask(self, question: Command, at: float) -> None:
        """It is under way from now on."""
        self.turns[question] = at, True

    def due(self, question: Command, every: float) -> float:
        """When to ask this again: `every` after its last answer, at once if never asked, late if no answer comes."""
        at, under_way = self.turns.get(question, NEVER)
        return at + 4 * every + 10.0 if under_way else at + every

    def observe(self, question: Command, observation: Observation | RouterSeen, at: float) -> None:
        self.turns[question] = at, False
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
        """No answer came: it may be asked again."""
        self.turns[question] = at, False
        if isinstance(question, CheckHealth):
            self.passes[(question.target, question.release)] = 0
        elif isinstance(question, Look):
            self.drifted.pop(question.router, None)

    def verdict(self, at: float) -> Judgement:
        return self.judge.verdict(at)


def _around(plan: Plan, step: int) -> Iterator[tuple[Command, float]]:
    """The counters of the routers that moved, the candidate's health, and what every router shows."""
    wave = plan.steps[step].wave
    if plan.judging.errors:
        eager = step == 0 and plan.steps[0].weight < 100 and plan.poll <= 2 * EAGER
        poll = min(plan.poll, EAGER) if eager else plan.poll
        yield from ((Count(router.name), poll) for router in plan.routers if router.wave == wave)
    yield from ((CheckHealth(target.name, plan.to.id), plan.health.every) for target in plan.targets)
    yield from ((Look(router.name), max(plan.poll, plan.budget.deadman / 2)) for router in plan.routers)
