"""Where does a release stand, as far as its journal tells? A fold of entries for whoever watches, with nothing printed."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported where an entry is taken: there is not always a release to follow
    from releaser.core import events as e
    from releaser.core.rollout import Rollout

__all__ = ["Following", "Told", "worth_telling"]

STORY = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the story: wall-clock seconds and a sentence."""

    wall: float
    text: str


@dataclass(slots=True)
class Following:
    """One rollout as it unfolds. `past` reads the entries before the first one that arrives, after a recovery."""

    past: "Callable[[str], Sequence[e.Entry]] | None" = None
    orders: "Callable[[], Sequence[object]]" = tuple
    """What many hosts are told right now, each as a sentence; nothing where somebody else drives the release."""
    rollout: "Rollout | None" = None
    last: "e.Entry | None" = None
    news: bool = True
    """Whether the last entry says something that was not said before."""
    story: deque[Told] = field(default_factory=lambda: deque(maxlen=STORY))
    before: "tuple[float, e.Figures] | None" = None
    """(time, figures) of the judgement before the last one: how fast the evidence grows."""

    def take(self, entry: "e.Entry") -> bool:
        """Whether it was new. What came before it and did not arrive is read from the past, where that can be read."""
        if entry.seq < self._next:
            return False
        if entry.seq > self._next and self.past is not None:
            self.take_all(one for one in self.past(entry.rollout) if one.seq < entry.seq)
        self._fold(entry)
        return True

    @property
    def _next(self) -> int:
        """The number of the entry that the state waits for."""
        return self.rollout.seq + 1 if self.rollout else 0

    def _fold(self, entry: "e.Entry") -> None:
        """After a hole the state stays what it was: what happens now is told all the same."""
        from releaser.core.fold import evolve

        self._measure(entry)
        self.news = worth_telling(entry.event) and not self._said_before(entry)
        if entry.seq == self._next:
            self.rollout = evolve(self.rollout, entry)
        self.last = entry
        if self.news:
            self.story.append(Told(entry.moment.wall, self.sentence(entry)))

    def _said_before(self, entry: "e.Entry") -> bool:
        """The judge says the same every few seconds, for hours where a person is waited for."""
        from releaser.core import events as e

        event, judged = entry.event, self.rollout.judged if self.rollout else None
        if not isinstance(event, e.Judged) or judged is None:
            return False
        return event.verdict is judged.verdict and event.astray == judged.astray

    def sentence(self, entry: "e.Entry") -> str:
        from releaser.core.story import tell

        return tell(entry.event, self.rollout.plan if self.rollout else None)

    def take_all(self, entries: "Iterable[e.Entry]") -> None:
        for entry in entries:
            if entry.seq >= self._next:
                self._fold(entry)

    def time_at(self, wall: float) -> float:
        """The rollout's own clock at a wall-clock time shortly after its last entry."""
        if self.last is None:
            return 0.0
        return self.last.moment.at + max(0.0, wall - self.last.moment.wall)

    def _measure(self, entry: "e.Entry") -> None:
        from releaser.core import events as e

        r = self.rollout
        if isinstance(entry.event, e.StepBegun):
            self.before = None
        elif isinstance(entry.event, e.Judged) and r is not None and r.judged is not None:
            self.before = (r.judged_at, r.judged.figures)


def worth_telling(event: "e.Event") -> bool:
    """Intents say what their outcome says again; judgements stand in the evidence, unless a router strays."""
    from releaser.core import events as e

    if isinstance(event, e.Judged):
        return event.verdict != "inconclusive" or bool(event.astray)
    return not isinstance(event, e.Issued)
