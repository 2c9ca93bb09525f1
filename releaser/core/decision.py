"""What a decision is made of: facts to record, commands to issue, a time to look again; and what both ways share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from releaser.core import events as e
from releaser.core.commands import Collect, Command, Start, Stop
from releaser.core.limits import GIVE_UP_STOPPING, retry_pause, within
from releaser.core.rollout import Rollout
from releaser.core.watch import Turn, Watch

__all__ = [
    "FIRST_GENERATION",
    "GUARD_GENERATION",
    "HOME_GENERATION",
    "REHEARSAL_GENERATION",
    "Decision",
    "collect_everywhere",
    "failed_policy",
    "generation_of",
    "missing_starts",
    "stop_everywhere",
    "turn_back",
]

REHEARSAL_GENERATION, FIRST_GENERATION, HOME_GENERATION, GUARD_GENERATION = 0, 1, 990, 995


@dataclass(slots=True)
class Decision:
    """`record`: facts, in order, before anything else. `issue`: commands. `wake_at`: look again then, at the latest."""

    record: list[e.Event] = field(default_factory=list)
    issue: list[Command] = field(default_factory=list)
    wake_at: float = math.inf

    @property
    def idle(self) -> bool:
        return not self.record and not self.issue

    def wake(self, at: float) -> None:
        if at < self.wake_at:  # noqa: PLR1730 - at each question of each turn, where a call of min() costs more than the rest
            self.wake_at = at

    def need(self, r: Rollout, command: Command, now: float) -> None:
        """Issue this unless it is under way or its pause after a failed try is not over."""
        flight = r.pending.get(command)
        if flight is not None:
            overdue = flight.at + within(command, r.plan) + 1.0
            if now < overdue:
                self.wake(overdue)
            else:
                self.record.append(e.EffectFailed(command, flight.attempt, "unknown", "no answer came in time"))
            return
        tries = r.tries.get(command)
        again = tries.at + retry_pause(tries) if tries else now
        if now < again:
            self.wake(again)
        else:
            self.issue.append(command)

    def ask(self, watch: Watch, question: Command, every: float, now: float) -> None:
        self.ask_in_turn(watch.turn(question), every, now)

    def ask_in_turn(self, turn: Turn, every: float, now: float) -> None:
        due = turn.due(every)
        if due <= now:
            self.issue.append(turn.question)
            due = now + every
        self.wake(due)


def generation_of(fence: int, offset: int) -> int:
    """Generations grow with the fence and, under one fence, with the steps; the way back is above every step."""
    return fence * 1000 + offset


def turn_back(cause: e.Cause, why: str, *, mark_bad: bool = False, by: str = "releaser") -> e.TurnedBack:
    return e.TurnedBack(cause, by, why, mark_bad=mark_bad)


def failed_policy(r: Rollout, cause: e.Cause, why: str, *, mark_bad: bool) -> e.Event:
    if r.plan.on_failure == "hold":
        return e.Held(why)
    return turn_back(cause, why, mark_bad=mark_bad, by="the judge" if cause == "judge" else "releaser")


def missing_starts(r: Rollout) -> list[Start]:
    to = r.plan.to.id
    return [Start(target.name, to, r.plan.slot(to)) for target in r.plan.targets if target.name not in r.started]


def stop_everywhere(d: Decision, r: Rollout, release: str, now: float) -> bool:
    """True once every target was told to stop `release`, or gave no good answer to one try."""
    slot = r.plan.slot(release)
    return _tried(d, r, [Stop(name, release, slot) for name in _targets(r) if name not in r.stopped], now)


def collect_everywhere(d: Decision, r: Rollout, now: float) -> bool:
    """True once every target has put away what nobody may need, or gave no good answer to one try: the next commit tries again."""
    return _tried(d, r, [Collect(name, r.plan.to.id) for name in _targets(r) if name not in r.collected], now)


def _targets(r: Rollout) -> list[str]:
    return [target.name for target in r.plan.targets]


def _tried(d: Decision, r: Rollout, commands: Sequence[Command], now: float) -> bool:
    waiting = False
    for command in commands:
        flight = r.pending.get(command)
        if command in r.tries or (flight and now >= flight.at + GIVE_UP_STOPPING):
            continue
        waiting = True
        d.need(r, command, now)
        d.wake((flight.at if flight else now) + GIVE_UP_STOPPING)
    return not waiting
