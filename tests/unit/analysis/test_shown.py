"""Are causes and times those of this rollout, on all of its routers, whatever the counters held before?"""

from collections.abc import Mapping

from releaser.core.analysis.evidence import Evidence
from releaser.core.analysis.shown import MOST, Shown
from releaser.core.latency import Latency
from releaser.core.values import Counts
from releaser.testing.samples import PLAN


def counts(times: dict[float, int] | None = None, **causes: int) -> Counts:
    return failing(causes, None if times is None else Latency.of(times))


def failing(causes: Mapping[str, int], latency: Latency | None = None) -> Counts:
    return Counts(sum(causes.values()), sum(causes.values()), 0, tuple(sorted(causes.items())), latency)


def test_the_first_reading_is_the_baseline() -> None:
    shown = Shown()
    shown.read("lb1", counts({0.1: 50}, econ=9), first=True)
    assert (shown.causes(), shown.latency) == ((), None)
    shown.read("lb1", counts({0.1: 52, 0.2: 1}, econ=11, eresp=1), first=False)
    assert (shown.causes(), shown.latency) == ((("econ", 2), ("eresp", 1)), Latency.of({0.1: 2, 0.2: 1}))


def test_a_cause_that_was_never_seen_before_counts_from_nothing() -> None:
    """A first reading without causes and times need not be told at all."""
    shown = Shown()
    shown.read("lb1", counts(econ=3), first=False)
    assert shown.causes() == (("econ", 3),)


def test_routers_are_added() -> None:
    shown = Shown()
    for router in ("lb1", "lb2"):
        shown.read(router, counts({0.1: 7}), first=True)
    for number in (1, 2):
        for router in ("lb1", "lb2"):
            shown.read(router, counts({0.1: 7 + number}, econ=number), first=False)
    assert (shown.causes(), shown.latency) == ((("econ", 4),), Latency.of({0.1: 4}))


def test_counters_that_began_anew_are_a_baseline_again() -> None:
    shown = Shown()
    shown.read("lb1", counts({0.1: 50}, econ=9), first=True)
    shown.read("lb1", counts({0.1: 51}, econ=10), first=False)
    shown.read("lb1", counts({0.1: 3}, econ=2), first=False)
    assert (shown.causes(), shown.latency) == ((("econ", 1),), Latency.of({0.1: 1}))
    shown.read("lb1", counts({0.1: 4}, econ=3), first=False)
    assert (shown.causes(), shown.latency) == ((("econ", 2),), Latency.of({0.1: 2}))


def test_a_router_that_begins_to_tell_times_begins_with_a_baseline() -> None:
    shown = Shown()
    shown.read("lb1", counts(econ=1), first=True)
    shown.read("lb1", counts({0.1: 9}, econ=1), first=False)
    assert shown.latency is None
    shown.read("lb1", counts({0.1: 10}, econ=1), first=False)
    assert shown.latency == Latency.of({0.1: 1})


def test_a_fleet_has_as_many_causes_as_hosts_and_the_most_frequent_are_told() -> None:
    shown = Shown()
    shown.read("lb1", failing({f"econ web{number:03}": number for number in range(1, 100)}), first=False)
    assert len(shown.causes()) == MOST
    assert shown.causes()[-1] == ("econ web099", 99)


def test_the_figures_of_a_judgement_carry_both_versions_and_nothing_of_before() -> None:
    evidence, router = Evidence(PLAN), PLAN.routers[0].name
    old, new = PLAN.origin or "", PLAN.to.id
    evidence.begin(-1, 0.0)
    evidence.counted(router, {old: busy(900, {"econ": 9}), new: busy(50, {"5xx": 50})}, 1.0)
    evidence.begin(0, 2.0)
    for at in (3, 4, 5):
        told = {old: busy(900 + 90 * at, {"econ": 9}), new: busy(50 + 10 * at, {"5xx": 50, "econ web2": at})}
        evidence.counted(router, told, float(at))
    figures = evidence.figures
    assert (figures.candidate.causes, figures.stable.causes) == ((("econ web2", 5),), ())
    assert figures.candidate.latency == Latency.of({0.1: 50})
    assert figures.stable.latency == Latency.of({0.1: 450})


def busy(requests: int, causes: Mapping[str, int]) -> Counts:
    return Counts(requests, sum(causes.values()), 0, tuple(sorted(causes.items())), Latency.of({0.1: requests}))
