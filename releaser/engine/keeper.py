"""Renewals: the sign of life that keeps a router's lease and its dead-man's switch, from a thread per router.

It comes only while the loop itself is alive: a loop that hangs must look dead to the routers, or the switch is worth nothing.
"""

from collections.abc import Callable
from functools import partial

from releaser.core import events as e
from releaser.core.rollout import Phase, Rollout
from releaser.engine.messages import Notice, Person
from releaser.engine.perform import whose
from releaser.errors import FencedError, PortError
from releaser.ports import Clock, Executor, Mailbox, Request, World

__all__ = ["Keeper"]


class Keeper:
    """Tends one rollout's routers. `tend` is called by the loop after each turn; the renewals run elsewhere."""

    def __init__(
        self,
        rollout: str,
        world: World,
        executor: Executor,
        clock: Clock,
        mailbox: Mailbox,
        last_turn: Callable[[], float],
    ) -> None:
        self.rollout = rollout
        self.world = world
        self.executor = executor
        self.clock = clock
        self.mailbox = mailbox
        self.last_turn = last_turn
        self.stops: dict[str, Callable[[], None]] = {}
        self.tended: tuple[object, ...] = ()
        self.fence = 0
        self.period = 0.0

    def tend(self, r: Rollout) -> None:
        """Start renewing what was acquired, stop what is settled, lost or over."""
        over = r.phase is Phase.DONE or r.phase is Phase.LOOKING
        home_alone = _go_home_alone(r)
        told = (over, r.fence, r.reached, r.settled, r.lost, home_alone)
        if told == self.tended:
            return
        self.tended = told
        wanted = frozenset() if over else r.reached - r.settled - r.lost - home_alone
        self.fence = r.fence
        self.period = r.plan.budget.deadman / 3
        for router in [name for name in self.stops if name not in wanted]:
            self.stops.pop(router)()
        for router in sorted(wanted - self.stops.keys()):
            self.stops[router] = self.executor.every(self.period, partial(self.renew, router))

    def renew(self, router: str) -> None:
        """One sign of life. Silence of the router is not an event: its own timer decides, and the loop's limits."""
        if self.clock.now() - self.last_turn() > self.period:
            return
        fence, site = self.fence, self.world.sites[router]
        try:
            renewal = site.switch.renew(fence=fence, within=self.period)
            taken = [request.id for request in renewal.inbox if self._hand_on(request)]
            if taken:
                site.ledger.edit({"taken": taken}, within=self.period)
        except FencedError as error:
            event = whose(router, self.rollout, self.world, error)
            if event is not None:
                self.mailbox.put(Notice(self.rollout, fence, router, event))
        except PortError:
            return

    def _hand_on(self, request: Request) -> bool:
        """A request from another machine, left in this router's inbox; one to a release before this one is only taken away."""
        if not request.is_for(self.rollout):
            return True
        known = {"approve", "pause", "resume", "abort", "advance", "rollback", "supersede"}
        if request.verb in known:
            fields = {
                key: request.body[key] for key in ("reason", "to", "step", "until", "mark_bad") if key in request.body
            }
            asked = e.Asked(request.verb, request.by, **fields)  # type: ignore[arg-type]  # checked against `known`
            self.mailbox.put(Person(self.rollout, asked, request.id))
        return True


def _go_home_alone(r: Rollout) -> frozenset[str]:
    """On the way back its own timer leads a router to where we want it: only one that is home is kept from running out."""
    if r.phase is not Phase.RETURNING or r.plan.kind != "promote" or r.plan.first:
        return frozenset()
    return frozenset(r.astray())
