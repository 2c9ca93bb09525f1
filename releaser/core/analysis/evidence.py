"""What do the counters of both versions prove so far? From readings to the two e-processes of one rollout."""

from collections.abc import Mapping
from math import log

from releaser.core.analysis.alone import Alone
from releaser.core.analysis.counting import Block, BlockBuilder, RouterTally
from releaser.core.analysis.errors_bad import BadErrors
from releaser.core.analysis.errors_good import GoodErrors, step_tolerances
from releaser.core.analysis.frozen import SHARE, upper_rate, upper_rate_ever
from releaser.core.analysis.shown import Shown
from releaser.core.events import Figures
from releaser.core.plan import Plan
from releaser.core.values import Counts

__all__ = ["Evidence", "tolerance"]

LEARNT = 1000.0
"""At most so many requests of stable's life before the rollout count in what is expected of it."""


def tolerance(plan: Plan, step: int) -> float:
    """The eps that step `step` is left at, absolute: its own, or where it states none the one that its weight gives."""
    stated = plan.steps[step].eps
    return stated or step_tolerances([one.weight for one in plan.steps], plan.judging.within)[step]


class Evidence:
    """Against the candidate since the rollout's first shift, for it since the step was read back.

    `whole` and `here` are the traffic that was weighed in these two spans; `convicted` keeps, once
    and for good, the traffic and the ln E at which the evidence against it was enough.
    """

    def __init__(self, plan: Plan) -> None:
        rule = plan.judging
        self._plan = plan
        self._routers = {
            router.name: RouterTally(plan.to.id, plan.origin or "", plan.health.timeout) for router in plan.routers
        }
        self._unread = set(self._routers)
        self._waves = {router.name: router.wave for router in plan.routers}
        self._step = -1
        self._open = BlockBuilder()
        self._bad = BadErrors(rule.not_worse_than if rule.absolute is None else 1.0)
        self._enough = -log(rule.alpha)
        self._good: GoodErrors | None = None
        self._begun = 0.0
        self._alone: Alone | None = None  # this step's, from its first traffic at 100 %
        self._carried = 0.0  # ln of what earlier steps at 100 % changed
        self._life = Block()  # what the counters held when they were first read
        self.whole = Block()
        self.here = Block()
        self.convicted: tuple[Block, float] | None = None
        self.figures = Figures()
        self._shown = {plan.to.id: Shown(), plan.origin or "": Shown()}

    def begin(self, step: int, at: float) -> None:
        """The split changed: readings are compared with later ones only, and "good" starts anew."""
        self._step = step
        self._begun = at
        self._open.drop(at)
        self._carried += self._alone.log_e if self._alone else 0.0
        self._good, self._alone, self.here = None, None, Block()
        for router in self._routers.values():
            router.renew()

    def counted(self, router: str, counts: Mapping[str, Counts], at: float) -> bool:
        """Take one router's cumulative counters, and say whether requests were sent to the candidate since the last ones."""
        tally = self._routers[router]
        before = tally.begun
        traffic = tally.read(counts, at)
        for release, shown in self._shown.items():
            told = counts.get(release)
            if told is not None and (told.causes or told.latency is not None):
                shown.read(router, told, first=router in self._unread)
        if router in self._unread:
            self._unread.discard(router)
            self._life = self._life.plus(*tally.total)
            return False
        if traffic is not None and self._step < 0:
            self.whole = self.whole.plus(0, 0, traffic.n_s, traffic.x_s)
        elif traffic is not None and self._waves[router] == self._plan.steps[self._step].wave:
            block = self._open.add(traffic, at)
            if block is not None:
                self._weigh(block, at)
        return tally.begun > before

    def dealt(self, router: str) -> tuple[int, int]:
        """Requests that this router dealt out to the candidate and to stable since its counters began."""
        return self._routers[router].dealt

    def passed(self) -> bool:
        """Whether this step's traffic is enough to say that the candidate is good; at 100 % traffic is all that is asked for."""
        rule, here = self._plan.judging, self.here
        if here.n_c == 0:
            return False
        if rule.absolute is not None:
            return upper_rate_ever(here.n_c, here.x_c, rule.beta) <= rule.absolute
        return self._plan.steps[self._step].weight == 100 or (self._good is not None and self._good.passed)

    def _weigh(self, block: Block, at: float) -> None:
        """One closed block, once, in the form that this step allows."""
        rule = self._plan.judging
        if rule.absolute is not None:
            self._bad.alone(block.n_c, block.x_c, rule.absolute)
        elif self._plan.steps[self._step].weight == 100:
            block = Block(block.n_c, block.x_c)
            if self._alone is None and (rate := self._frozen_rate()) < 1:
                self._alone = Alone(rule.not_worse_than, rate, self._begun)
            if self._alone:
                self._alone.block(block.n_c, block.x_c, at)
        else:
            self._bad.block(*block)
            if self._good is None:
                self._good = GoodErrors(tolerance(self._plan, self._step), rule.beta, self._expected())
            self._good.block(*block)
        self.whole, self.here = self.whole.plus(*block), self.here.plus(*block)
        log_bad = self._bad.log_e + self._carried + (self._alone.log_e if self._alone else 0.0)
        if self.convicted is None and log_bad >= self._enough:
            self.convicted = (self.whole, log_bad)
        of_candidate, of_stable = self._shown.values()
        self.figures = Figures(
            candidate=Counts(self.whole.n_c, self.whole.x_c, 0, of_candidate.causes(), of_candidate.latency),
            stable=Counts(self.whole.n_s, self.whole.x_s, 0, of_stable.causes(), of_stable.latency),
            log_bad=log_bad,
            log_good=self._good.log_g if self._good else 0.0,
        )

    def _frozen_rate(self) -> float:
        """Stable's rate at most: by its record in this rollout, without one by its record before it."""
        record = self.whole if self.whole.n_s else self._life
        return upper_rate(record.n_s, record.x_s, self._plan.judging.alpha * SHARE)

    def _expected(self) -> tuple[float, float]:
        """Stable's (errors, requests) before this step: in the rollout, and some weight on its life before."""
        share = min(1.0, LEARNT / self._life.n_s) if self._life.n_s else 0.0
        return self.whole.x_s + share * self._life.x_s, self.whole.n_s + share * self._life.n_s
