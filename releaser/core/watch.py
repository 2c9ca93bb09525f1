"""What a rollout's questions brought in since the last step: passes in a row, who was asked when, and the judge.

Observations are not journaled: verdicts and passes are. After a crash this begins empty, as fresh evidence must.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from releaser.core.absent import Missing
from releaser.core.analysis.judge import Judge, Judgement
from releaser.core.commands import CheckHealth, Command, Count, Look
from releaser.core.events import Counted, HealthRead, Observation, RouterSeen
from releaser.core.plan import Plan
from releaser.core.values import Reading, Split

__all__ = ["Turn", "Watch"]

EAGER = 0.5
"""Seconds between two readings of the counters in the first step, where an outage shows, if they are read every second later."""


@dataclass(slots=True)
class Turn:
    """Where one question stands: asked last at `asked`; answered at `at` unless it is `under_way`, which it then is since `at`."""

    question: Command
    at: float = -math.inf
    under_way: bool = False
    asked: float = -math.inf

    def due(self, every: float) -> float:
        """When to ask this again: at once if never asked, late if no answer comes.

        Else `every` after the last question, however long the answer took, since what hangs shows only after some readings; but who
        answers slowly is left alone for half of that.
        """
        if self.under_way:
            return self.at + 4 * every + 10.0
        return max(self.asked + every, self.at + every / 2)


@dataclass(slots=True)
class Watch:
    """One per rollout, fed by the loop, read by decide."""

    plan: Plan
    judge: Judge = field(init=False)
    turns: dict[Command, Turn] = field(default_factory=dict)
    """Those of this step's questions."""
    looked_at: dict[str, float] = field(default_factory=dict)
    """Router -> when it last said what it shows."""
    readings: dict[tuple[str, str], int] = field(default_factory=dict)
    """(target, release) -> how often its health was read."""
    doubts: dict[tuple[str, str], dict[str, tuple[int, Missing]]] = field(default_factory=dict)
    """(target, release) -> host ("": nobody is named) -> which reading it last failed, and how."""
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
        turn.at = turn.asked = at
        turn.under_way = True

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
                self.readings[key] = self.readings.get(key, 0) + 1
                if not reading.passed:
                    self._doubt(key, reading)
                self.last[key] = reading.detail
                if self.step >= 0 and release == self.plan.to.id:
                    self.judge.health(target, reading, at)
            case Counted(router, counts, why):
                if counts is not None:
                    self.active[router] = at, {release: count.active for release, count in counts}
                if self.step >= 0:
                    self.judge.counted(router, None if counts is None else dict(counts), at, why)
            case RouterSeen():
                self.drifted[observation.router] = observation
                self.looked_at[observation.router] = at

    def unanswered(self, question: Command, at: float) -> None:
        """No answer came."""
        self.answered(question, at)
        if isinstance(question, CheckHealth):
            self._doubt((question.target, question.release), Reading(None, "no answer"))
        elif isinstance(question, Look):
            self.drifted.pop(question.router, None)

    def passes(self, target: str, release: str, without: Collection[str] = ()) -> int:
        """Good answers in a row, of every host but those."""
        key = (target, release)
        failed = (number for host, (number, _) in self.doubts.get(key, {}).items() if host not in without)
        return self.readings.get(key, 0) - max(failed, default=0)

    def unwell(self, target: str, release: str, passes: int) -> tuple[Missing, ...]:
        """The hosts that have not passed so often in a row, sorted; empty where it is not known of every host."""
        key = (target, release)
        known = self.readings.get(key, 0)
        failing = [one for number, one in self.doubts.get(key, {}).values() if known - number < passes]
        if known < passes or any(one.how != "failed" for one in failing):
            return ()
        return tuple(sorted(failing, key=lambda one: one.host))

    def _doubt(self, key: tuple[str, str], reading: Reading) -> None:
        doubts, number = self.doubts.setdefault(key, {}), self.readings.get(key, 0)
        for one in reading.unwell or (Missing("", "unknown", reading.detail),):
            doubts[one.host] = number, one

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
