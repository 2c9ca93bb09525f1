"""How good is a simulated candidate? What its users and probes get from it."""

from dataclasses import dataclass

__all__ = ["BASE", "FAULTLESS", "QUALITIES", "SERVING", "Quality"]

BASE = 0.002
"""The error rate of every version."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What a candidate is like. `errors` is its rate once `after` seconds have passed since its first request."""

    name: str
    errors: float = BASE
    after: float = 0.0
    hangs: bool = False
    answers: str = "well"
    """To probes: well, never, another version, now and then."""

    @property
    def sound(self) -> bool:
        """Nothing is wrong with it: if it is taken back by the judge, that is a mistake."""
        return self.errors == BASE and not self.hangs and self.answers == "well"


QUALITIES = (
    Quality("good"),
    Quality("slightly bad", errors=0.0035),
    Quality("bad", errors=0.05),
    Quality("outage", errors=1.0),
    Quality("hang", hangs=True),
    Quality("never ready", answers="never"),
    Quality("wrong version", answers="another version"),
    Quality("flapping", answers="now and then"),
    Quality("late regression", errors=0.1, after=150.0),
)
SERVING = Quality("stable")
FAULTLESS = Quality("faultless", errors=0.0)
