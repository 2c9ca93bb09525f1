"""What a release is made of: identities, splits, counts, readings. Illegal ones cannot be built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Literal, Self

from releaser.core.absent import Missing
from releaser.core.latency import Latency
from releaser.core.record import record

__all__ = [
    "LONG",
    "SLOTS",
    "Agreement",
    "Binding",
    "Counts",
    "Moment",
    "Outcome",
    "Reading",
    "Release",
    "Slot",
    "Split",
    "Verdict",
    "release_id",
]

LONG = 10.0
"""Seconds: see Counts.long."""
Slot = Literal["blue", "green"]
SLOTS: tuple[Slot, Slot] = ("blue", "green")
Binding = tuple[tuple[Slot, str], ...]
"""Which release each slot holds, sorted by slot: (("blue", "1.4.1-9c2e01aa"), ("green", "1.4.2-3fa9c1d0"))."""

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+]*(?:-[A-Za-z0-9._+]+)*")
RELEASE_ID = re.compile(VERSION.pattern + r"-[0-9a-f]{8}")
VERSION_LENGTH = 64


class Verdict(StrEnum):
    """What the judge says of the candidate; the last two are answers of their own, never a pass and never a fail."""

    GOOD = "good"
    BAD = "bad"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no data"


class Agreement(StrEnum):
    """Whether requests went as a router was told; only DISAGREES keeps a step from passing."""

    AGREES = "agrees"
    OPEN = "cannot say yet"
    DISAGREES = "disagrees"
    NOT_ASKED = "not asked"
    """Users of this router stay with a release by design (`router.sticky`)."""


class Outcome(StrEnum):
    """How a rollout ended, or why it has not."""

    PROMOTED = "promoted"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled_back"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    HELD = "held"
    RUNNING = "running"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Release:
    """One version with one artifact, one config and one set of secret versions: the same id on every machine."""

    id: str
    version: str
    artifact: str
    """sha256 of the artifact, 64 hex digits."""
    config: str
    """sha256 of the resolved config in which secrets stand as references."""
    secrets: str = ""
    """sha256 over the sorted (reference, version) pairs, or empty where there are none."""

    def __post_init__(self) -> None:
        if not RELEASE_ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a release id: it must be VERSION-<8 hex digits>")

    @classmethod
    def of(cls, version: str, artifact: str, config: str, secrets: str = "") -> Self:
        return cls(release_id(version, artifact, config, secrets), version, artifact, config, secrets)


def release_id(version: str, artifact: str, config: str, secrets: str = "") -> str:
    """VERSION-<8 hex>: a digest over the three digests, the same on every machine.

    Raises ValueError for a version that could be anything but a plain name in a path, an argument or a URL.
    """
    if len(version) > VERSION_LENGTH or not VERSION.fullmatch(version):
        raise ValueError(
            f"{version[:80]!r} is not a version: use letters, digits, '.', '_', '+' and '-', "
            f"starting with a letter or digit, at most {VERSION_LENGTH} characters"
        )
    digest = sha256(f"{artifact}\n{config}\n{secrets}".encode()).hexdigest()
    return f"{version}-{digest[:8]}"


@dataclass(frozen=True, slots=True)
class Split:
    """Who answers: whole percents by release, summing to 100; a release that is not named has 0."""

    weights: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        total = sum(weight for _, weight in self.weights)
        ordered = tuple(sorted(self.weights))
        if total != 100 or any(weight <= 0 for _, weight in self.weights) or ordered != self.weights:
            raise ValueError(f"not a split: {self.weights!r} (positive whole percents by release, sorted, sum 100)")

    @classmethod
    def of(cls, weights: Mapping[str, int]) -> Self:
        return cls(tuple(sorted((release, weight) for release, weight in weights.items() if weight)))

    @classmethod
    def all_to(cls, release: str) -> Self:
        return cls(((release, 100),))

    def weight(self, release: str) -> int:
        for name, weight in self.weights:
            if name == release:
                return weight
        return 0

    def __str__(self) -> str:
        return ", ".join(f"{release} {weight} %" for release, weight in self.weights)


@record
class Counts:
    """A router's cumulative counters for one release since its slot was bound: requests, not rates."""

    completed: int = 0
    failed: int = 0
    """Of the completed: answered 5xx, reset, or never connected."""
    active: int = 0
    """Begun and not completed yet."""
    causes: tuple[tuple[str, int], ...] = ()
    """Why requests failed, with the host where it is known, and how many: (("5xx web1", 3), ("econ web2", 7)); sorted."""
    latency: Latency | None = None
    """None: this router says nothing of times. For people; no verdict rests on it."""
    long: int = 0
    """Of the completed: took more than LONG seconds, on a router that counts requests when they end: they may be older than the split."""


@record
class Reading:
    """One answer to one question about one release. `passed` None means that no answer came: no data."""

    passed: bool | None
    detail: str = ""
    version: str = ""
    unwell: tuple[Missing, ...] = ()
    """The hosts that did not pass: `failed` answered badly or not at all, `unknown` could not be asked from here."""


@record
class Moment:
    """When: seconds of the boot-time clock of one boot, and the wall clock for people only."""

    at: float
    boot: str
    wall: float
