"""Does a fault in one environment leave another alone? A second one, released to by the same process."""

from functools import partial
from random import Random

from releaser.core import events as e
from releaser.core.values import Outcome
from releaser.engine.observe import observe
from releaser.testing.invariants import Invariants, Violation
from releaser.testing.sim_plans import NEW, OLD, STABLE, promotion
from releaser.testing.sim_process import Process
from releaser.testing.sim_quality import FAULTLESS
from releaser.testing.sim_time import Timeline
from releaser.testing.sim_world import SimWorld

__all__ = ["Neighbour"]


class Neighbour(Invariants):
    """The watcher of an environment that nothing befalls, not even a judge's mistake."""

    def __init__(self, timeline: Timeline, chance: Random) -> None:
        super().__init__()
        self.world = SimWorld("staging", timeline, chance, self, dict.fromkeys((OLD.id, STABLE.id, NEW.id), FAULTLESS))
        self.world.serve(STABLE, "blue", (OLD.id,))
        self.name = f"{NEW.version}.staging"

    def promote(self, process: Process) -> None:
        ports = self.world.ports(process, f"somebody@{process.name}")
        plan = promotion(observe(ports).seen(dict.fromkeys(ports.sites, 1)), NEW, "canary", "staging")
        if plan is not None:
            process.begin(partial(process.loop.open, self.name, e.Opened(plan, process.name), ports))

    def check_untouched(self) -> None:
        outcome = self.books[self.name].outcome if self.name in self.books else None
        if outcome is not Outcome.PROMOTED:
            raise Violation(20, f"nothing befell staging, and its release is {outcome or 'not over'}")
