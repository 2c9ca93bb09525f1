"""What the judge's tests share: a judge that sees one router and one target, second by second."""

from collections.abc import Callable

from releaser.core.analysis.judge import Judge, Judgement
from releaser.core.plan import Plan, Step
from releaser.core.values import Counts, Reading, Verdict
from releaser.testing.samples import NEW, OLD, promotion

__all__ = ["BASE", "FAIL", "NEW", "OLD", "PASS", "SILENT", "World"]

PASS, FAIL, SILENT = Reading(passed=True), Reading(passed=False, detail="503"), Reading(passed=None)
BASE = promotion(Step(10, at_least=5, eps=0.02), Step(50, eps=0.01), Step(100), bake=60)


class World:
    """One router and one target; every second each version answers so many requests with so many errors."""

    def __init__(self, plan: Plan = BASE) -> None:
        self.judge = Judge(plan)
        self.at = 0.0
        self.counts = {OLD.id: Counts(50_000, 100), NEW.id: Counts()}
        self.begin(0)

    def begin(self, step: int) -> None:
        self.judge.begin(step, self.at)
        self.judge.counted("web/lb1", self.counts, self.at)

    def second(
        self,
        old: tuple[int, int] = (90, 0),
        new: tuple[int, int] = (10, 0),
        *,
        active: int = 0,
        probe: Reading | None = PASS,
        counters: bool = True,
    ) -> Judgement:
        self.at += 1
        was_old, was_new = self.counts[OLD.id], self.counts[NEW.id]
        self.counts = {
            OLD.id: Counts(was_old.completed + old[0], was_old.failed + old[1]),
            NEW.id: Counts(was_new.completed + new[0], was_new.failed + new[1], active),
        }
        self.judge.counted("web/lb1", self.counts if counters else None, self.at)
        if probe is not None:
            self.judge.health("web", probe, self.at)
        return self.judge.verdict(self.at)

    def until(self, wanted: Verdict, each: Callable[[], Judgement], limit: int = 300) -> Judgement:
        for _ in range(limit):
            judgement = each()
            if judgement.verdict == wanted:
                return judgement
        raise AssertionError(f"not {wanted} within {limit} s: {judgement}")
