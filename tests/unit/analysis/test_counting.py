from hypothesis import given, settings
from hypothesis import strategies as st

from releaser.core.analysis.counting import Block, BlockBuilder, ReleaseTally, RouterTally
from releaser.core.values import Counts


def take(tally: ReleaseTally, counts: Counts, at: float) -> None:
    tally.count(tally.read(counts, at).late)


def test_what_is_active_longer_than_the_time_out_counts_as_an_error() -> None:
    tally = ReleaseTally(timeout=2.0)
    for at in range(6):
        take(tally, Counts(0, 0, active=3 * at), at)
    assert (tally.n, tally.x) == (9, 9)  # of 15 begun, the 9 that had begun by second 3


def test_a_late_good_answer_does_not_lower_the_counts() -> None:
    tally = ReleaseTally(timeout=2.0)
    take(tally, Counts(0, 0, active=4), 0)
    take(tally, Counts(0, 0, active=4), 2)
    assert (tally.n, tally.x) == (4, 4)
    take(tally, Counts(4, 0, active=0), 3)
    assert (tally.n, tally.x) == (4, 4)


def test_an_overdue_request_that_fails_in_the_end_counts_once() -> None:
    tally = ReleaseTally(timeout=2.0)
    take(tally, Counts(0, 0, active=4), 0)
    take(tally, Counts(0, 0, active=4), 2)
    take(tally, Counts(4, 4, active=0), 3)
    assert (tally.n, tally.x) == (4, 4)


def test_short_requests_in_flight_are_no_errors() -> None:
    tally = ReleaseTally(timeout=2.0)
    for at in range(20):
        take(tally, Counts(100 * at, at, active=30), at)
    assert (tally.n, tally.x) == (1900, 19)


def test_an_error_read_before_its_request_waits_for_it() -> None:
    tally = ReleaseTally(timeout=2.0)
    take(tally, Counts(0, 1), 0)
    assert (tally.n, tally.x) == (0, 0)
    take(tally, Counts(1, 1), 1)
    assert (tally.n, tally.x) == (1, 1)


def test_the_first_reading_after_a_shift_is_only_the_baseline() -> None:
    tally = RouterTally("new", "old", 2.0)
    assert tally.read({"old": Counts(100, 1)}, 0) is None
    assert tally.read({"old": Counts(190, 2), "new": Counts(10, 3)}, 1) == Block(10, 3, 90, 1)
    tally.renew()
    assert tally.read({"old": Counts(290, 2), "new": Counts(20, 6)}, 2) is None
    assert tally.read({"old": Counts(390, 2), "new": Counts(30, 6)}, 3) == Block(10, 0, 100, 0)


def test_overdue_requests_say_nothing_where_stable_has_them_too() -> None:
    """Every request takes 5 s, in both versions: only the young candidate's would pile up against the baseline."""
    tally = RouterTally("new", "old", 2.0)
    for at in range(60):
        old = Counts(1000 + 18 * at, 0, active=90)
        new = Counts(2 * max(0, at - 5), 0, active=2 * min(at, 5))
        block = tally.read({"old": old, "new": new}, at)
        assert block is None or block.x_c == 0


def test_a_hanging_candidate_beside_a_quick_version_is_counted_in_a_router() -> None:
    tally = RouterTally("new", "old", 2.0)
    found = [tally.read({"old": Counts(1000 + 18 * at, 0, 2), "new": Counts(0, 0, 2 * at)}, at) for at in range(5)]
    assert found[-1] == Block(2, 2, 18, 0)


def test_a_candidate_that_completes_nothing_at_all_is_given_less_time() -> None:
    tally = RouterTally("new", "old", 2.0)
    found = [tally.read({"old": Counts(1000 + 198 * at, 0, 2), "new": Counts(0, 0, 2 * at)}, at) for at in range(3)]
    assert found[-1] == Block(2, 2, 198, 0)  # the two that had begun a second ago


def test_one_completed_request_or_only_one_unfinished_means_the_whole_time_out() -> None:
    for new in (
        [Counts(0, 0, 0), Counts(0, 0, 3), Counts(1, 0, 4)],
        [Counts(0, 0, 0), Counts(0, 0, 1), Counts(0, 0, 1)],
    ):
        tally = RouterTally("new", "old", 2.0)
        for at, counts in enumerate(new):
            block = tally.read({"old": Counts(1000 + 198 * at), "new": counts}, at)
        assert block is not None
        assert block.x_c == 0


def test_what_was_completed_before_the_step_does_not_excuse_a_candidate_that_hangs_in_it() -> None:
    tally = RouterTally("new", "old", 2.0)
    tally.read({"old": Counts(1000), "new": Counts(50, 0, 1)}, 0)
    tally.renew()
    found = [tally.read({"old": Counts(1200 + 190 * at), "new": Counts(60, 0, 10 * at)}, 1 + at) for at in range(3)]
    assert found[-1] == Block(10, 10, 190, 0)


def test_a_slow_start_proves_nothing_where_stable_is_as_slow() -> None:
    """Every request takes 1.5 s in both versions."""
    tally = RouterTally("new", "old", 2.0)
    for at in range(10):
        new = Counts(2 * max(0, at - 2), 0, active=2 * min(at, 2))
        block = tally.read({"old": Counts(1000 + 198 * at, 0, active=297), "new": new}, at)
        assert block is None or block.x_c == 0


def test_counters_that_fell_drop_the_block_and_renew_the_baseline() -> None:
    tally = RouterTally("new", "old", 2.0)
    tally.read({"old": Counts(100), "new": Counts(10)}, 0)
    assert tally.read({"old": Counts(5), "new": Counts(12)}, 1) is None
    assert tally.read({"old": Counts(15), "new": Counts(13, 1)}, 2) == Block(1, 1, 10, 0)
    assert tally.read({"old": Counts(25)}, 3) is None  # a release that the router forgot has fallen too


def test_a_block_closes_on_two_requests_or_on_one_after_half_a_minute() -> None:
    builder = BlockBuilder()
    builder.drop(0.0)
    assert builder.add(Block(1, 1, 50, 0), 1) is None
    assert builder.add(Block(1, 0, 50, 1), 2) == Block(2, 1, 100, 1)
    assert builder.add(Block(0, 0, 50, 9), 40) is None
    assert builder.add(Block(1, 1, 50, 0), 41) == Block(1, 1, 100, 9)
    assert builder.add(Block(1, 0, 50, 0), 42) is None


readings = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 60), st.integers(0, 40), st.floats(0.01, 5)), max_size=60
)


@given(readings)
@settings(max_examples=200, deadline=None)
def test_any_counters_give_errors_within_requests_that_never_fall(steps: list[tuple[int, int, int, float]]) -> None:
    tally, completed, failed, at, n, x = ReleaseTally(2.0), 0, 0, 0.0, 0, 0
    for more, errors, active, seconds in steps:
        completed, failed, at = completed + more, failed + errors, at + seconds
        take(tally, Counts(completed, failed, active), at)
        assert 0 <= tally.x - x <= tally.n - n
        assert tally.n >= completed
        n, x = tally.n, tally.x
    assert len(tally._history) <= 1 + len(steps)


def test_the_memory_of_a_tally_is_one_time_out_long() -> None:
    tally = ReleaseTally(2.0)
    for at in range(10_000):
        take(tally, Counts(at), at)
    assert len(tally._history) <= 4
