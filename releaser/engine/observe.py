"""What is there now: every router's own answer, its ledger, and the slots of every target, asked all at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

from releaser.config.observed import Seen
from releaser.core.values import Binding
from releaser.errors import HeldError, PortError, RefusedError, ReleaserError, UsageError
from releaser.ports import LedgerState, RouterState, SlotState, World
from releaser.shell.questions import Question, ask_all

__all__ = ["Looked", "Observed", "look", "observe"]

Answers = Mapping[str, Any]
"""By name: what a part said, or the error that kept it from it."""

WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Observed:
    """Answers by name; who gave none stands in `silent`, with the reason."""

    ledgers: Mapping[str, LedgerState] = field(default_factory=dict)
    """By router (TARGET/HOST)."""
    routers: Mapping[str, RouterState] = field(default_factory=dict)
    slots: Mapping[str, tuple[SlotState, ...]] = field(default_factory=dict)
    """By target."""
    silent: Mapping[str, str] = field(default_factory=dict)

    def seen(self, finest: Mapping[str, int]) -> tuple[Seen, ...]:
        """What a plan is compiled against: one for each router, answered or not."""
        return tuple(
            Seen(name, self.ledgers.get(name), self.routers.get(name), share) for name, share in sorted(finest.items())
        )

    def running(self) -> frozenset[str]:
        """Releases that run in their slot on every host that answered."""
        return frozenset(
            str(slot.release)
            for slots in self.slots.values()
            for slot in slots
            if slot.release and (slot.running or {*slot.hosts.values()} - {"unreachable"} == {"running"})
        )


@runtime_checkable
class Questioned(Protocol):
    """A router or target over shells: what it would ask of each host can go there together with what others ask."""

    def questions(self) -> Sequence[Question[Any]]: ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What each part said, or in its place the error that kept it from it; by name, and `beside` in the order of the questions."""

    ledgers: Answers
    routers: Answers
    slots: Answers
    beside: Sequence[Any] = ()

    def observed(self) -> Observed:
        said_of = (self.slots, self.routers, self.ledgers)
        silent = {name: str(said) for each in said_of for name, said in each.items() if _failed(said)}
        return Observed(_good(self.ledgers), _good(self.routers), _good(self.slots), silent)


def observe(world: World) -> Observed:
    """Never raises for a silent part: what does not answer is named."""
    return look(world).observed()


def look(world: World, beside: Sequence[Question[Any]] = (), *, within: float = WITHIN) -> Looked:
    """The same with the errors themselves. Questions `beside` go to their hosts in the same turn."""
    parts = [*(site.router for site in world.sites.values()), *world.targets.values()]
    if all(isinstance(part, Questioned) for part in parts):
        return _together(world, beside, within)
    return Looked(*_apart(world), ask_all(beside, within=within))


def _together(world: World, beside: Sequence[Question[Any]], within: float) -> Looked:
    """One agent process a host for all that is asked there."""
    sites: dict[str, Any] = {name: world.sites[name].router for name in sorted(world.sites)}
    targets: Mapping[str, Any] = world.targets
    asked = [*(part.questions() for part in (*sites.values(), *targets.values())), beside]
    given = iter(ask_all([question for some in asked for question in some], within=within))
    answers = [[next(given) for _ in some] for some in asked]
    read = dict(zip(sites, answers[: len(sites)], strict=True))
    slots = zip(targets.items(), answers[len(sites) : -1], strict=True)
    return Looked(
        {name: ledger for name, (ledger, _) in read.items()},
        {name: _ask(partial(_state, sites[name], *said)) for name, said in read.items()},
        {name: target.slots_of(said) for (name, target), said in slots},
        answers[-1],
    )


def _state(router: Any, ledger: Any, replies: Any) -> RouterState:
    """A router knows slots; which release each of them holds is in its ledger."""
    for said in (ledger, replies):
        if _failed(said):
            raise said
    state: RouterState = router.state_of(replies, binding_of(ledger))
    return state


def _apart(world: World) -> tuple[Answers, Answers, Answers]:
    """Call by call, for ports that are no shell's."""
    names = sorted(world.sites)
    ledgers = world.together([partial(_ask, partial(world.sites[name].ledger.read, within=WITHIN)) for name in names])
    known = dict(zip(names, ledgers, strict=True))
    calls = [partial(_ask, partial(_split, world, name, known[name])) for name in names]
    calls += [partial(_ask, partial(target.inspect, within=WITHIN)) for target in world.targets.values()]
    answers = world.together(calls)
    return (
        known,
        dict(zip(names, answers[: len(names)], strict=True)),
        dict(zip(world.targets, answers[len(names) :], strict=True)),
    )


def _split(world: World, name: str, ledger: Any) -> RouterState:
    if _failed(ledger):
        raise ledger
    return world.sites[name].router.read(binding_of(ledger), within=WITHIN)


def binding_of(ledger: LedgerState) -> Binding:
    return tuple(sorted(ledger.slots.items()))


def _ask(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (PortError, RefusedError, HeldError, UsageError) as error:
        return error


def _failed(answer: Any) -> bool:
    return isinstance(answer, ReleaserError)


def _good(answers: Answers) -> dict[str, Any]:
    return {name: answer for name, answer in answers.items() if not _failed(answer)}
