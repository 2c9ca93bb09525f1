"""How far is an order that goes to many hosts? Counted where it is given, read by whoever draws a screen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

__all__ = ["Order", "Progress"]

SLOW = 3.0
"""A host is slow once it takes so many times as long as the slowest of the first half did, and a second more."""
NAMED = 4


@dataclass(frozen=True, slots=True)
class Order:
    """One order under way: `slow` are hosts that others have overtaken by far."""

    target: str
    what: str
    done: int
    total: int
    slow: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As in "placing on web: 187 of 200 hosts, slow: web7, web9"."""
        more = f" and {len(self.slow) - NAMED} more" if len(self.slow) > NAMED else ""
        slow = f", slow: {', '.join(self.slow[:NAMED])}{more}" if self.slow else ""
        return f"{self.what} on {self.target}: {self.done} of {self.total} hosts{slow}"


class _Tally:
    """What one order has come to: hosts by when they began, and how long each took that is done."""

    def __init__(self, what: str, total: int) -> None:
        self.what = what
        self.total = total
        self.began: dict[str, float] = {}
        self.took: list[float] = []

    def slow(self, now: float) -> tuple[str, ...]:
        if len(self.took) * 2 < self.total:
            return ()
        usual = sorted(self.took)[len(self.took) // 2]
        return tuple(host for host, since in self.began.items() if now - since > SLOW * usual + 1.0)


class Progress:
    """The orders under way by target, one each. Every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._orders: dict[str, _Tally] = {}

    def begin(self, target: str, what: str, hosts: Iterable[str]) -> None:
        with self._lock:
            self._orders[target] = _Tally(what, len(list(hosts)))

    def asked(self, target: str, host: str) -> None:
        with self._lock:
            if target in self._orders:
                self._orders[target].began[host] = self._clock()

    def answered(self, target: str, host: str) -> None:
        with self._lock:
            order = self._orders.get(target)
            if order is not None and host in order.began:
                order.took.append(self._clock() - order.began.pop(host))

    def end(self, target: str) -> None:
        with self._lock:
            self._orders.pop(target, None)

    def under_way(self) -> tuple[Order, ...]:
        """Only those that many hosts take part in: of one host there is nothing to count."""
        now = self._clock()
        with self._lock:
            return tuple(
                Order(target, one.what, len(one.took), one.total, one.slow(now))
                for target, one in sorted(self._orders.items())
                if one.total > 1
            )
