"""A record is a value: equal by its fields, usable as a key, without room for anything else."""

import pytest

from releaser.core.values import Counts


def test_a_record_is_equal_by_its_fields_and_has_a_hash() -> None:
    assert Counts(3, 1) == Counts(3, 1, 0)
    assert Counts(3, 1) != Counts(3, 2)
    assert len({Counts(3, 1), Counts(3, 1), Counts(3, 2)}) == 2


def test_a_record_has_no_room_for_another_field() -> None:
    with pytest.raises(AttributeError):
        Counts().overdue = 3  # type: ignore[attr-defined]  # what is tried here
