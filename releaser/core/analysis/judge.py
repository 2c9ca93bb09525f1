"""What does everything seen so far say of the candidate? The loop feeds the judge, `decide` asks it.

Bad: the evidence against it is enough, or its probes fail. No data: nobody answers us, or no user reaches it. Good: the evidence of
this step is enough, its probes pass and its time is over. Otherwise it is not known yet, and that is neither a pass nor a fail.
"""

from collections.abc import Iterable, Mapping

from releaser.core.analysis.counting import Block
from releaser.core.analysis.evidence import Evidence, tolerance
from releaser.core.analysis.health import ProbeRun
from releaser.core.analysis.share import Observed
from releaser.core.analysis.wording import against, answered, sends, span
from releaser.core.events import Figures, Share
from releaser.core.plan import Plan, RouterRef
from releaser.core.record import record
from releaser.core.values import Agreement, Counts, Reading, Verdict

__all__ = ["Judge", "Judgement"]

NOBODY = 30.0
"""Seconds without one request to the candidate, although it has weight, after which there is no data."""
SILENCE = 10.0
"""Seconds (three polls where that is longer) without an answer after which there is no data."""


@record
class Judgement:
    """A verdict, one sentence why, and the figures behind it."""

    verdict: Verdict
    why: str
    figures: Figures


class Judge:
    """The judge of one rollout. Mutable and deterministic: the same calls give the same verdicts. All times are boot-clock seconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._compared = plan.judging.errors and not plan.first
        self._evidence = Evidence(plan)
        self._probes = {target.name: ProbeRun() for target in plan.targets}
        self._known = frozenset(router.name for router in plan.routers)
        self._heard: dict[str, float] = {}  # router -> its last answer
        self._unread: dict[str, str] = {}  # router -> why there was none since
        self._arrived = 0.0  # the last request to the candidate
        self._patience = (max(SILENCE, 3 * plan.poll), max(SILENCE, 3 * plan.health.every))  # counters, probes
        self._candidate, self._stable = _names(plan)
        self._enter(-1, 0.0)

    def begin(self, step: int, at: float) -> None:
        """Step `step` was read back at `at`: only what comes after it counts for "good"; "bad" goes on."""
        self._enter(step, at)
        self._evidence.begin(step, at)
        for run in self._probes.values():
            run.begin()

    def counted(self, router: str, counts: Mapping[str, Counts] | None, at: float, why: str = "") -> None:
        """One router's cumulative counters by release, read at `at`; None: it gave no answer, for the reason `why`.

        Without stable's the answer is none: what is named only later would look like traffic of this step.
        """
        if router not in self._known:
            raise KeyError(router)
        if counts is None or self._plan.origin not in counts or at < self._begun or not self._compared:
            self._unread[router] = why
            return
        self._unread.pop(router, None)
        if self._silence(self._heard.get(router), at) > self._patience[0]:
            self._unbroken = at
        self._heard[router] = at
        self._readings[router] = self._readings.get(router, 0) + 1
        sent_to_candidate = self._evidence.counted(router, counts, at)
        self._observed[router].count(*self._evidence.dealt(router))
        if sent_to_candidate:
            if at - self._arrived > NOBODY:
                self._unbroken = at
            self._arrived = at

    def health(self, target: str, reading: Reading, at: float) -> None:
        """One answer of the candidate's probes on one target (the worst of its hosts)."""
        run = self._probes[target]
        if reading.passed is not None and self._silence(run.answered, at) > self._patience[1]:
            self._unbroken = at
        run.read(reading, at)

    @property
    def astray(self) -> tuple[str, ...]:
        """The routers that send another share than they were told."""
        return tuple(router for router, observed in self._observed.items() if observed.astray)

    def shares(self) -> tuple[Share, ...]:
        """What each router was told in this step, and what its requests show."""
        return tuple(share for observed in self._observed.values() if (share := observed.share()))

    def verdict(self, at: float) -> Judgement:
        """What is known at `at`. Bad wins over no data, no data over good."""
        figures = self._evidence.figures
        if why := self._why_bad():
            return Judgement(Verdict.BAD, why, figures)
        if why := self._why_no_data(at):
            return Judgement(Verdict.NO_DATA, why, figures)
        if why := self._why_not_yet(at):
            return Judgement(Verdict.INCONCLUSIVE, why, figures)
        return Judgement(Verdict.GOOD, self._why_good(), figures)

    def _enter(self, step: int, at: float) -> None:
        self._step = self._plan.steps[max(step, 0)]
        self._index = step
        self._begun = at
        self._unbroken = at  # since when there has been data without a gap, within this step
        self._arrived = max(self._arrived, at)
        self._readings: dict[str, int] = {}  # router -> its answers in this step
        wave = self._step.wave
        self._observed = {  # of every router: one that is asked about has moved, in this step or in an earlier one
            router.name: Observed(router.name, self._told(step, router), sticky=router.sticky)
            for router in self._plan.routers
        }
        self._routers = [router.name for router in self._plan.routers if router.wave == wave]
        self._targets = [target.name for target in self._plan.targets if target.wave == wave]

    def _told(self, step: int, router: RouterRef) -> int:
        """Whole percent for the candidate."""
        split = self._plan.split_at(step, router)
        return split.weight(self._plan.to.id) if split else 0

    def _silence(self, last: float | None, at: float) -> float:
        """Seconds since the last answer in this step, or since it began."""
        return at - (self._begun if last is None or last < self._begun else last)

    def _why_bad(self) -> str:
        for target, run in self._probes.items():
            if run.fails >= self._plan.health.fails:
                said = f": {run.detail}" if run.detail else ""
                return f"{self._candidate} failed {run.fails} health probes in a row on {target}{said}"
        if self._evidence.convicted is None:
            return ""
        traffic, log_e = self._evidence.convicted
        return f"{self._answers(traffic)}: {against(log_e)}"

    def _why_no_data(self, at: float) -> str:
        if self._index < 0:
            return "no step has been read back yet"
        if self._compared:
            silent = min([self._silence(self._heard.get(router), at) for router in self._routers])
            if silent > self._patience[0]:
                names = ", ".join(self._routers)
                return (
                    f"the counters of {names} have not answered for {span(silent)}{self._unread_because(self._routers)}"
                )
        for target in self._targets:
            silent = self._silence(self._probes[target].answered, at)
            if silent > self._patience[1]:
                return f"no health probe of {self._candidate} on {target} has been answered for {span(silent)}"
        if self._compared and at - self._arrived > NOBODY:
            return f"no request has reached {self._candidate} for {span(at - self._arrived)}, at {self._step.weight} %"
        return ""

    def _why_not_yet(self, at: float) -> str:
        """What is still missing for a pass; empty: nothing."""
        needed = 1 if self._compared else self._plan.health.passes
        for target in self._targets:
            if self._probes[target].passes < needed:
                return f"{target} has passed {self._probes[target].passes} of {needed} health probes in this step"
        for target, run in self._probes.items():
            if run.fails:
                return f"the last health probe of {self._candidate} on {target} failed"
        if self._compared and (why := self._why_not_counted(at)):
            return why
        left = self._stay_until() - at
        return f"nothing speaks against {self._candidate}; it stays for {span(left)} more" if left > 0 else ""

    def _why_not_counted(self, at: float) -> str:
        """What the counters still lack for a pass; empty: nothing."""
        for router in self._routers:
            if self._silence(self._heard.get(router), at) > self._patience[0]:
                return f"the counters of {router} do not answer{self._unread_because([router])}"
            if self._readings.get(router, 0) < 2:
                return f"the counters of {router} have not been read twice in this step"
        for share in self.shares() if self.astray else ():
            if share.agreement is Agreement.DISAGREES:
                return sends(share, self._candidate)
        return "" if self._evidence.passed() else f"{self._answers(self._evidence.here)} in this step: not known yet"

    def _unread_because(self, routers: Iterable[str]) -> str:
        """To follow the sentence; each reason once."""
        said = dict.fromkeys(why for router in routers if (why := self._unread.get(router)))
        return f": {'; '.join(said)}" if said else ""

    def _stay_until(self) -> float:
        """The earliest end of this step. The last one at 100 % is the bake, whole and without a gap in the data; a first
        release does not bake, as there is nothing to go back to.
        """
        stay = max(self._step.at_least, 2 * self._plan.poll)
        if self._step.weight == 100 and self._index == len(self._plan.steps) - 1 and not self._plan.first:
            return self._unbroken + max(stay, self._plan.bake)
        return self._begun + stay

    def _why_good(self) -> str:
        if not self._compared:
            return f"{self._candidate} passes its health probes; errors are not compared"
        answers = self._answers(self._evidence.here)
        if self._plan.judging.absolute is not None:
            return f"{answers}: below {self._plan.judging.absolute:.2%}, without a comparison"
        if self._step.weight == 100:
            return f"{answers}: not bad, without a version beside it"
        return f"{answers}: not worse by {tolerance(self._plan, self._index):.2%} or more"

    def _answers(self, block: Block) -> str:
        if block.n_c == 0:
            return f"{self._candidate} has answered no counted request"
        said = f"{self._candidate} answered {answered(block.n_c, block.x_c)} with errors"
        return f"{said}, {self._stable} {answered(block.n_s, block.x_s)}" if block.n_s else said


def _names(plan: Plan) -> tuple[str, str]:
    """Both versions for people; whole ids where they are the same version."""
    origin = plan.origin or ""
    version = origin.rpartition("-")[0]
    return (plan.to.id, origin) if version == plan.to.version else (plan.to.version, version)
