"""What is there now: every router's own answer, its ledger, and the slots of every target, asked all at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from releaser.config.observed import Seen
from releaser.errors import PortError, ReleaserError
from releaser.ports import LedgerState, RouterState, SlotState, World

__all__ = ["Observed", "observe"]

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
        """Releases that run in their slot on every host that was asked."""
        return frozenset(
            str(slot.release) for slots in self.slots.values() for slot in slots if slot.running and slot.release
        )


def observe(world: World) -> Observed:
    """Never raises for a silent part: what does not answer is named."""
    names = sorted(world.sites)
    ledgers = world.together([partial(_ask, partial(world.sites[name].ledger.read, within=WITHIN)) for name in names])
    known = dict(zip(names, ledgers, strict=True))
    calls = [partial(_ask, partial(_split, world, name, known[name])) for name in names]
    calls += [partial(_ask, partial(target.inspect, within=WITHIN)) for target in world.targets.values()]
    answers = world.together(calls)
    routers = dict(zip(names, answers[: len(names)], strict=True))
    slots = dict(zip(world.targets, answers[len(names) :], strict=True))
    silent = {name: str(said) for said_of in (slots, routers, known) for name, said in said_of.items() if _failed(said)}
    return Observed(_good(known), _good(routers), _good(slots), silent)


def _split(world: World, name: str, ledger: Any) -> RouterState:
    """A router knows slots; which release each of them holds is in its ledger."""
    if _failed(ledger):
        raise ledger
    binding = tuple(sorted(ledger.slots.items()))
    return world.sites[name].router.read(binding, within=WITHIN)


def _ask(call: Any) -> Any:
    try:
        return call()
    except PortError as error:
        return error


def _failed(answer: Any) -> bool:
    return isinstance(answer, ReleaserError)


def _good(answers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer for name, answer in answers.items() if not _failed(answer)}
