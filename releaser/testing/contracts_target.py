"""What every target must do, as checks that take one with two empty slots: for hosts, for the fake, for a plug-in's.

@pytest.mark.parametrize("check", CHECKS)
def test_contract(check): check(MyTarget(), one, other)     # two releases that the target can place
"""

import time
from collections.abc import Callable

from releaser.core.values import Release, Slot
from releaser.errors import FailedError, FencedError
from releaser.ports import SlotState, Target

__all__ = ["CHECKS"]

Check = Callable[[Target, Release, Release], None]
WITHIN = 20.0
PATIENCE = 15.0
AN_HOUR = 3600.0


def check_an_empty_target_runs_nothing(target: Target, one: Release, other: Release) -> None:
    states = target.inspect(within=WITHIN)
    _same(
        [(state.slot, state.release, state.running) for state in states],
        [("blue", None, False), ("green", None, False)],
    )


def check_what_is_placed_does_not_run_yet(target: Target, one: Release, other: Release) -> None:
    target.place(one, fence=1, within=WITHIN)
    _same([state.running for state in target.inspect(within=WITHIN)], [False, False])


def check_every_order_can_be_given_again(target: Target, one: Release, other: Release) -> None:
    for _ in range(2):
        target.place(one, fence=1, within=WITHIN)
    for _ in range(2):
        target.start(one, "blue", fence=1, within=WITHIN)
        _same(_slot(target, "blue").running, True)
    for _ in range(2):
        target.stop(one.id, "blue", fence=1, after=0.0, within=WITHIN)
        _ends(target, "blue")


def check_both_slots_run_side_by_side(target: Target, one: Release, other: Release) -> None:
    _serve(target, one, "blue")
    _serve(target, other, "green")
    states = target.inspect(within=WITHIN)
    _same([(state.release, state.running) for state in states], [(one.id, True), (other.id, True)])
    target.stop(other.id, "green", fence=1, after=0.0, within=WITHIN)
    _ends(target, "green")
    _same(_slot(target, "blue").running, True)


def check_only_the_named_release_is_stopped(target: Target, one: Release, other: Release) -> None:
    _serve(target, one, "blue")
    target.stop(other.id, "blue", fence=1, after=0.0, within=WITHIN)
    target.stop(one.id, "green", fence=1, after=0.0, within=WITHIN)
    _same(_slot(target, "blue").running, True)


def check_a_slot_that_runs_is_not_taken(target: Target, one: Release, other: Release) -> None:
    _serve(target, one, "blue")
    target.place(other, fence=1, within=WITHIN)
    _raises(FailedError, lambda: target.start(other, "blue", fence=1, within=WITHIN))
    _same((_slot(target, "blue").release, _slot(target, "blue").running), (one.id, True))
    target.stop(one.id, "blue", fence=1, after=0.0, within=WITHIN)
    target.start(other, "blue", fence=1, within=WITHIN)
    _same(_slot(target, "blue").release, other.id)


def check_what_was_never_placed_does_not_start(target: Target, one: Release, other: Release) -> None:
    target.place(one, fence=1, within=WITHIN)
    _raises(FailedError, lambda: target.start(other, "blue", fence=1, within=WITHIN))
    _same(_slot(target, "blue").running, False)


def check_a_stop_that_waits_is_called_off_by_a_start(target: Target, one: Release, other: Release) -> None:
    _serve(target, one, "blue")
    target.stop(one.id, "blue", fence=1, after=AN_HOUR, within=WITHIN)
    _same(_slot(target, "blue").running, True)
    target.start(one, "blue", fence=1, within=WITHIN)
    _same(_slot(target, "blue").running, True)


def check_what_nobody_needs_is_removed_once(target: Target, one: Release, other: Release) -> None:
    for release in (one, other):
        target.place(release, fence=1, within=WITHIN)
    _same(list(target.collect(one.id, [], fence=1, within=WITHIN)), [other.id])
    _same(list(target.collect(one.id, [], fence=1, within=WITHIN)), [])
    _raises(FailedError, lambda: target.start(other, "blue", fence=1, within=WITHIN))
    _serve(target, one, "blue")
    _serve(target, other, "green")


def check_what_is_kept_or_has_a_slot_is_not_removed(target: Target, one: Release, other: Release) -> None:
    _serve(target, one, "blue")
    target.place(other, fence=1, within=WITHIN)
    _same(list(target.collect(one.id, [other.id], fence=1, within=WITHIN)), [])
    _serve(target, other, "green")
    target.stop(one.id, "blue", fence=1, after=AN_HOUR, within=WITHIN)
    _same(list(target.collect(other.id, [], fence=1, within=WITHIN)), [])
    _same([state.running for state in target.inspect(within=WITHIN)], [True, True])


def check_an_old_fence_changes_nothing(target: Target, one: Release, other: Release) -> None:
    target.place(one, fence=7, within=WITHIN)
    target.start(one, "blue", fence=7, within=WITHIN)
    _raises(FencedError, lambda: target.place(other, fence=6, within=WITHIN))
    _raises(FencedError, lambda: target.start(one, "green", fence=6, within=WITHIN))
    _raises(FencedError, lambda: target.stop(one.id, "blue", fence=6, after=0.0, within=WITHIN))
    _raises(FencedError, lambda: target.collect(one.id, [], fence=6, within=WITHIN))
    _same([state.running for state in target.inspect(within=WITHIN)], [True, False])


CHECKS: tuple[Check, ...] = (
    check_an_empty_target_runs_nothing,
    check_what_is_placed_does_not_run_yet,
    check_every_order_can_be_given_again,
    check_both_slots_run_side_by_side,
    check_only_the_named_release_is_stopped,
    check_a_slot_that_runs_is_not_taken,
    check_what_was_never_placed_does_not_start,
    check_a_stop_that_waits_is_called_off_by_a_start,
    check_what_nobody_needs_is_removed_once,
    check_what_is_kept_or_has_a_slot_is_not_removed,
    check_an_old_fence_changes_nothing,
)


def _serve(target: Target, release: Release, slot: Slot) -> None:
    target.place(release, fence=1, within=WITHIN)
    target.start(release, slot, fence=1, within=WITHIN)


def _slot(target: Target, slot: Slot) -> SlotState:
    return next(state for state in target.inspect(within=WITHIN) if state.slot == slot)


def _ends(target: Target, slot: Slot) -> None:
    """A stop does not wait for the end; the check does."""
    until = time.monotonic() + PATIENCE
    while set(_slot(target, slot).hosts.values()) != {"stopped"}:
        if time.monotonic() > until:
            raise AssertionError(f"{slot} still runs {PATIENCE:g} s after it was told to stop")
        time.sleep(0.02)


def _raises(error: type[Exception], act: Callable[[], object]) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def _same(got: object, wanted: object) -> None:
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")
