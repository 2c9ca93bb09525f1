"""What does the engine need of the hosts where versions run, and of whoever asks them whether they do?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from releaser.core.values import Reading, Release, Slot

if TYPE_CHECKING:  # named and not used: whoever only looks does without the 10 ms that these take
    from releaser.core.absent import Missing

__all__ = ["Probe", "SlotState", "Target"]


@dataclass(frozen=True, slots=True)
class SlotState:
    """What one slot of a target holds and whether it runs; `version` as the process itself reports it, if asked."""

    slot: Slot
    release: str | None
    running: bool
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Host -> "running", "stopped", "unreachable" or the problem, in words."""
    ending: Mapping[str, float] = field(default_factory=dict)
    """Host -> seconds until what runs there ends by itself, as it was told to."""
    busy: tuple[str, ...] = ()
    """What runs in the slot on any host, sorted: where one was away, another release than on the others."""


class Target(Protocol):
    """Where versions run: the same order goes to every host of it."""

    def names(self) -> tuple[str, ...]:
        """Its hosts."""
        ...

    def inspect(self, *, within: float) -> tuple[SlotState, ...]:
        """Both slots as they are. Changes nothing."""
        ...

    def place(self, release: Release, *, fence: int, within: float) -> "Sequence[Missing]":
        """Put the release beside the running one and check its digest there. Safe to repeat: a placed release stays.

        Returns the hosts that go without it, as far as the fleet allows that; raises where there are more.
        """
        ...

    def start(
        self,
        release: Release,
        slot: Slot,
        *,
        fence: int,
        within: float,
        without: Collection[str] = (),
        lenient: bool = False,
    ) -> "Sequence[Missing]":
        """Bind the slot and start it, but on the hosts `without` the release. Safe to repeat: what already runs is not
        restarted. Returns further hosts that go without it, as `place`; `lenient` (the way back): as long as one has it.
        """
        ...

    def put_back(
        self, release: str, slot: Slot, missing: "Sequence[Missing]", *, fence: int, within: float
    ) -> "Sequence[Missing]":
        """Stop it at once on these hosts only, whatever they answer. Returns them with the end of what it printed there, or
        why that is not known, behind each reason. Safe to repeat. Raises only FencedError.
        """
        ...

    def stop(self, release: str, slot: Slot, *, fence: int, after: float, within: float) -> None:
        """Let the slot end by itself, gracefully, `after` seconds from now (0: at once), if it still holds `release` then.

        Others are left alone, and a start of the slot before that calls it off. Does not wait. Safe to repeat.
        """
        ...

    def collect(self, current: str, keep: Sequence[str] | None, *, fence: int, within: float) -> Sequence[str]:
        """`current` is the committed release, for people and for a boot; remove what is neither it, in `keep` nor in a slot.

        None: nothing is removed. Returns what was removed from any host. Safe to repeat.
        """
        ...


class Probe(Protocol):
    """One question about one release, asked of every host of a target."""

    def read(self, release: Release, slot: Slot, *, within: float, without: Collection[str] = ()) -> Reading:
        """The worst answer of all hosts but those `without` the release. Changes nothing; never raises: no answer is a
        reading without a verdict.
        """
        ...
