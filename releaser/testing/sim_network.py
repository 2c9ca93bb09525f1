"""Which hosts of the simulated world can be reached from where, and how slowly?"""

__all__ = ["Network"]


class Network:
    """Everything gets through at once, until somebody cuts a line or slows a host down."""

    __slots__ = ("cut", "slow")

    def __init__(self) -> None:
        self.cut: dict[tuple[str, str], float] = {}
        """(machine or "", host) -> until when nothing gets through; "" is every machine."""
        self.slow: dict[str, tuple[float, float]] = {}
        """host -> (until when, seconds that a call takes more)."""

    def reaches(self, machine: str, host: str, now: float) -> bool:
        return max(self.cut.get((machine, host), 0.0), self.cut.get(("", host), 0.0)) <= now

    def delay(self, host: str, now: float) -> float:
        until, seconds = self.slow.get(host, (0.0, 0.0))
        return seconds if now < until else 0.0
