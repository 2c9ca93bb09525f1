"""How do the candidate's health probes run? Per target: how many answers in a row, the last one, and since when none came."""

from dataclasses import dataclass

from releaser.core.values import Reading

__all__ = ["ProbeRun"]


@dataclass(slots=True)
class ProbeRun:
    """One target's probes of the candidate."""

    fails: int = 0
    """In a row, over the whole rollout: a change of weight does not make a sick version well."""
    passes: int = 0
    """In a row, since the step was read back."""
    answered: float | None = None
    """When the last answer came."""
    detail: str = ""

    def begin(self) -> None:
        self.passes = 0

    def read(self, reading: Reading, at: float) -> None:
        """An answer counts; a question without one changes nothing but the time since the last."""
        if reading.passed is None:
            return
        self.answered = at
        self.detail = reading.detail
        self.fails = 0 if reading.passed else self.fails + 1
        self.passes = self.passes + 1 if reading.passed else 0
