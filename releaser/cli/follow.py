"""Where does a release stand, as far as its journal tells? A fold of entries for whoever watches, with nothing printed."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from releaser.core import events as e
from releaser.core.fold import evolve
from releaser.core.rollout import Rollout
from releaser.core.story import tell

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

    past: Callable[[str], Sequence[e.Entry]] | None = None
    rollout: Rollout | None = None
    last: e.Entry | None = None
    story: deque[Told] = field(default_factory=lambda: deque(maxlen=STORY))
    step_figures: e.Figures | None = None
    """What the judge had counted when this step began."""
    before: tuple[float, e.Figures] | None = None
    """(time, figures) of the judgement before the last one: how fast the evidence grows."""

    def take(self, entry: e.Entry) -> bool:
        """Whether it was new."""
        if self.rollout is None and entry.seq > 0 and self.past is not None:
            self.take_all(one for one in self.past(entry.rollout) if one.seq < entry.seq)
        if self.rollout is not None and entry.seq <= self.rollout.seq:
            return False
        self._measure(entry)
        self.rollout = evolve(self.rollout, entry)
        self.last = entry
        if worth_telling(entry.event):
            self.story.append(Told(entry.moment.wall, self.sentence(entry)))
        return True

    def sentence(self, entry: e.Entry) -> str:
        return tell(entry.event, self.rollout.plan if self.rollout else None)

    def take_all(self, entries: Iterable[e.Entry]) -> None:
        for entry in entries:
            self.take(entry)

    def time_at(self, wall: float) -> float:
        """The rollout's own clock at a wall-clock time shortly after its last entry."""
        if self.last is None:
            return 0.0
        return self.last.moment.at + max(0.0, wall - self.last.moment.wall)

    def _measure(self, entry: e.Entry) -> None:
        r = self.rollout
        if isinstance(entry.event, e.StepBegun):
            self.step_figures, self.before = (r.judged.figures if r and r.judged else self.step_figures), None
        elif isinstance(entry.event, e.Judged) and r is not None and r.judged is not None:
            self.before = (r.judged_at, r.judged.figures)


def worth_telling(event: e.Event) -> bool:
    """Intents say what their outcome says again; judgements stand in the evidence."""
    return not isinstance(event, e.Issued) and not (isinstance(event, e.Judged) and event.verdict == "inconclusive")
