"""What is given in a simulated release besides its faults, and what came of it?"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from releaser.testing.faults import Fault
from releaser.testing.invariants_memory import Violation
from releaser.testing.sim_quality import QUALITIES, Quality

__all__ = ["Result", "Setting"]

Shape = Literal["canary", "long", "approval", "approval or hold", "hold", "fine", "probes", "first"]
Sequel = Literal["nothing", "rollback soon", "rollback late", "rollback to it", "promote again"]


@dataclass(frozen=True, slots=True)
class Setting:
    """How good the candidate is, what its plan looks like, and what people do after it."""

    quality: Quality
    shape: Shape
    sequel: Sequel

    @classmethod
    def drawn(cls, chance: Random) -> "Setting":
        quality = QUALITIES[0] if chance.random() < 0.5 else chance.choice(QUALITIES)
        shapes: tuple[Shape, ...] = ("long", "approval", "approval or hold", "hold", "fine", "probes", "first")
        shape: Shape = "canary" if chance.random() < 0.6 else chance.choice(shapes)
        sequels: tuple[Sequel, ...] = ("rollback soon", "rollback late", "rollback to it", "promote again")
        sequel: Sequel = "nothing" if chance.random() < 0.7 else chance.choice(sequels)
        return cls(quality, shape, sequel)


@dataclass(slots=True)
class Result:
    """What came of one seed."""

    seed: int
    setting: Setting
    faults: tuple[Fault, ...]
    outcomes: list[str] = field(default_factory=list)
    """Of every rollout that ended, in order."""
    phases: set[str] = field(default_factory=set)
    happened: set[str] = field(default_factory=set)
    """Kinds of faults that really took place."""
    violation: Violation | None = None
    trace: list[str] = field(default_factory=list)
    mistaken: bool = False
    """A sound candidate was taken back by the judge."""
