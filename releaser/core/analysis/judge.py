"""What does everything seen so far say of the candidate? The loop feeds the judge, `decide` asks it.

Evidence for "bad" is kept over the whole rollout; evidence for "good" starts anew when a step was read back. At 100 % nothing
runs beside the candidate any more: then it is measured against the counts that stable left in this rollout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from releaser.core.analysis.counting import Block, BlockBuilder, RouterTally
from releaser.core.analysis.errors_bad import BadErrors
from releaser.core.analysis.errors_good import GoodErrors, step_tolerances
from releaser.core.analysis.frozen import SHARE, upper_rate
from releaser.core.analysis.health import ProbeRun
from releaser.core.analysis.wording import against, answered, span
from releaser.core.events import Figures
from releaser.core.plan import Plan, Step
from releaser.core.values import Counts, Reading, Verdict

__all__ = ["Judge", "Judgement", "tolerance"]

NOBODY = 30.0
"""Seconds without one request to the candidate, although it has weight, after which there is no data."""
SILENCE = 10.0
"""Seconds (three polls where that is longer) without an answer after which there is no data."""
LEARNT = 1000.0
"""At most so many requests of stable's life before the rollout count in what is expected of it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, one sentence why, and the figures behind it."""

    verdict: Verdict
    why: str
    figures: Figures


def tolerance(plan: Plan, step: int) -> float:
    """The eps that step `step` is left at, absolute: its own, or where it states none the one that its weight gives."""
    stated = plan.steps[step].eps
    return stated or step_tolerances([one.weight for one in plan.steps], plan.judging.within)[step]


class Judge:
    """The judge of one rollout. Mutable and deterministic: the same calls give the same verdicts. All times are boot-clock seconds."""

    def __init__(self, plan: Plan) -> None:
        rule = plan.judging
        self._plan = plan
        self._compared = rule.errors and not plan.first
        self._routers = {
            router.name: RouterTally(plan.to.id, plan.origin or "", plan.health.timeout) for router in plan.routers
        }
        self._waves = {router.name: router.wave for router in plan.routers}
        self._probes = {target.name: ProbeRun() for target in plan.targets}
        self._step = -1
        self._begun = 0.0
        self._unbroken = 0.0  # since when there has been data without a gap, within this step
        self._heard: dict[str, float] = {}  # router -> its last answer
        self._arrived = 0.0  # the last request to the candidate
        self._open = BlockBuilder()
        self._bad = BadErrors(rule.not_worse_than if rule.absolute is None else 1.0)
        self._good: GoodErrors | None = None
        self._whole = Block()  # since the rollout's first shift, stable also before it
        self._here = Block()  # in this step
        self._life = Block()  # what the counters held when they were first read
        self._bound: float | None = None  # stable's rate at most, frozen when 100 % is reached
        self._convicted = ""

    def begin(self, step: int, at: float) -> None:
        """Step `step` was read back at `at`: only what comes after it counts for "good"; "bad" goes on."""
        self._step, self._begun, self._unbroken, self._arrived = step, at, at, at
        self._open.drop(at)
        self._good, self._bound, self._here = None, None, Block()
        for router in self._routers.values():
            router.renew()
        for run in self._probes.values():
            run.begin()

    def counted(self, router: str, counts: Mapping[str, Counts] | None, at: float) -> None:
        """One router's cumulative counters by release, read at `at`; None: it gave no answer."""
        if counts is None or at < self._begun:
            return
        tally = self._routers[router]
        if router not in self._heard:
            traffic, self._life = tally.read(counts, at), self._life + tally.total
        else:
            traffic = self._arrivals(tally, counts, at)
        if self._silent(self._heard.get(router), at, self._plan.poll):
            self._unbroken = at
        self._heard[router] = at
        if traffic is None or not self._compared:
            return
        if self._step < 0:
            self._whole += Block(0, 0, traffic.n_s, traffic.x_s)
        elif self._waves[router] == self._now.wave:
            block = self._open.add(traffic, at)
            if block is not None:
                self._weigh(block)

    def health(self, target: str, reading: Reading, at: float) -> None:
        """One answer of the candidate's probes on one target (the worst of its hosts)."""
        run = self._probes[target]
        if reading.passed is not None and self._silent(run.answered, at, self._plan.health.every):
            self._unbroken = at
        run.read(reading, at)

    def verdict(self, at: float) -> Judgement:
        """What is known at `at`. Bad wins over no data, no data over good."""
        figures = self._figures()
        for verdict, why in (
            (Verdict.BAD, self._why_bad()),
            (Verdict.NO_DATA, self._why_no_data(at)),
            (Verdict.INCONCLUSIVE, self._why_not_yet(at)),
        ):
            if why:
                return Judgement(verdict, why, figures)
        return Judgement(Verdict.GOOD, self._why_good(), figures)

    @property
    def _now(self) -> Step:
        return self._plan.steps[max(self._step, 0)]

    @property
    def _alone(self) -> bool:
        return self._now.weight == 100

    def _arrivals(self, tally: RouterTally, counts: Mapping[str, Counts], at: float) -> Block | None:
        before = tally.begun
        traffic = tally.read(counts, at)
        if tally.begun > before and self._step >= 0:
            if at - self._arrived > NOBODY:
                self._unbroken = at
            self._arrived = at
        return traffic

    def _weigh(self, block: Block) -> None:
        """One closed block, once, in the form that this step allows."""
        rule, sides = self._plan.judging, (block.n_c, block.x_c, block.n_s, block.x_s)
        if rule.absolute is not None:
            self._bad.alone(block.n_c, block.x_c, rule.absolute)
        elif self._alone:
            if self._bound is None:
                self._bound = self._frozen_rate()
            if self._bound < 1:
                self._bad.alone(block.n_c, block.x_c, self._bound)
            block = Block(block.n_c, block.x_c)
        else:
            self._bad.block(*sides)
            if self._good is None:
                self._good = GoodErrors(tolerance(self._plan, self._step), rule.beta, self._expected())
            self._good.block(*sides)
        self._whole += block
        self._here += block
        if not self._convicted and self._bad.log_e >= -log(rule.alpha):
            self._convicted = f"{self._answers(self._whole)}: {against(self._bad.log_e)}"

    def _frozen_rate(self) -> float:
        """Stable's rate at most: by its record in this rollout, without one by its record before it."""
        record = self._whole if self._whole.n_s else self._life
        return upper_rate(record.n_s, record.x_s, self._plan.judging.alpha * SHARE)

    def _expected(self) -> tuple[float, float]:
        """Stable's (errors, requests) before this step: in the rollout, and some weight on its life before."""
        share = min(1.0, LEARNT / self._life.n_s) if self._life.n_s else 0.0
        return self._whole.x_s + share * self._life.x_s, self._whole.n_s + share * self._life.n_s

    def _silent(self, last: float | None, at: float, every: float) -> bool:
        """Whether the last answer, or the step's beginning, is too long ago."""
        since = self._begun if last is None else max(last, self._begun)
        return at - since > max(SILENCE, 3 * every)

    def _wave_routers(self) -> list[str]:
        return [router for router, wave in self._waves.items() if wave == self._now.wave]

    def _wave_targets(self) -> list[str]:
        return [target.name for target in self._plan.targets if target.wave == self._now.wave]

    def _why_bad(self) -> str:
        for target, run in self._probes.items():
            if run.fails >= self._plan.health.fails:
                said = f": {run.detail}" if run.detail else ""
                return f"{self._candidate} failed {run.fails} health probes in a row on {target}{said}"
        return self._convicted

    def _why_no_data(self, at: float) -> str:
        routers = self._wave_routers()
        if self._compared and all(self._silent(self._heard.get(one), at, self._plan.poll) for one in routers):
            return f"no counter of {', '.join(routers)} has answered for {span(at - self._last_heard(routers))}"
        for target in self._wave_targets():
            run = self._probes[target]
            if self._silent(run.answered, at, self._plan.health.every):
                since = self._begun if run.answered is None else max(run.answered, self._begun)
                return f"no health probe of {self._candidate} on {target} has answered for {span(at - since)}"
        if self._compared and at - self._arrived > NOBODY:
            return f"no request has reached {self._candidate} for {span(at - self._arrived)}, at {self._now.weight} %"
        return ""

    def _last_heard(self, routers: list[str]) -> float:
        return max([self._begun, *(self._heard[one] for one in routers if one in self._heard)])

    def _why_not_yet(self, at: float) -> str:
        """What is still missing for a pass; empty: nothing."""
        needed = self._plan.health.passes if not self._compared else 1
        for target in self._wave_targets():
            if self._probes[target].passes < needed:
                return f"{target} has passed {self._probes[target].passes} of {needed} health probes in this step"
        for target, run in self._probes.items():
            if run.fails:
                return f"the last health probe of {self._candidate} on {target} failed"
        for router in self._wave_routers() if self._compared else ():
            if self._silent(self._heard.get(router), at, self._plan.poll):
                return f"the counters of {router} do not answer"
        return (self._missing_evidence() if self._compared else "") or self._too_early(at)

    def _missing_evidence(self) -> str:
        rule, here = self._plan.judging, self._here
        if here.n_c == 0:
            return f"no answer of {self._candidate} has been counted in this step yet"
        if rule.absolute is not None:
            if upper_rate(here.n_c, here.x_c, rule.beta) > rule.absolute:
                return f"{self._answers(here)}: not surely below {rule.absolute:.2%} yet"
        elif not self._alone and (self._good is None or not self._good.passed):
            return f"{self._answers(here)} in this step: not known yet"
        return ""

    def _too_early(self, at: float) -> str:
        stay = max(self._now.at_least, 2 * self._plan.poll)
        since = self._begun
        if self._baking:
            stay, since = max(stay, self._plan.bake), self._unbroken
        left = since + stay - at
        return f"nothing speaks against {self._candidate}; it stays for {span(left)} more" if left > 0 else ""

    @property
    def _baking(self) -> bool:
        """The last step at 100 %: the whole bake without a gap in the data. A first release has nothing to go back to."""
        return self._alone and self._step == len(self._plan.steps) - 1 and not self._plan.first

    def _why_good(self) -> str:
        if not self._compared:
            return f"{self._candidate} passes its health probes; errors are not compared"
        if self._plan.judging.absolute is not None:
            return f"{self._answers(self._here)}: below {self._plan.judging.absolute:.2%}, without a comparison"
        if self._alone:
            return f"{self._answers(self._here)}: not bad, without a version beside it"
        return f"{self._answers(self._here)}: not worse by {tolerance(self._plan, self._step):.2%} or more"

    @property
    def _candidate(self) -> str:
        return self._names()[0]

    def _names(self) -> tuple[str, str]:
        """Versions for people, whole ids where both have the same version."""
        to, origin = self._plan.to, self._plan.origin or ""
        old = origin.rpartition("-")[0]
        return (to.id, origin) if old == to.version else (to.version, old)

    def _answers(self, block: Block) -> str:
        candidate, stable = self._names()
        said = f"{candidate} answered {answered(block.n_c, block.x_c)} with errors"
        return f"{said}, {stable} {answered(block.n_s, block.x_s)}" if block.n_s else said

    def _figures(self) -> Figures:
        whole = self._whole
        return Figures(
            candidate=Counts(whole.n_c, whole.x_c),
            stable=Counts(whole.n_s, whole.x_s),
            log_bad=self._bad.log_e,
            log_good=self._good.log_g if self._good else 0.0,
        )
