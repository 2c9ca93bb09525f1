import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.adapters.routers.slots import shares, split_of
from releaser.core.values import Binding, Split
from releaser.errors import FailedError

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))


@given(st.integers(min_value=0, max_value=100))
def test_a_split_comes_back_from_its_shares(new: int) -> None:
    split = Split.of({OLD: 100 - new, NEW: new})
    assert split_of(shares(split, BOTH), BOTH) == split


@given(st.integers(0, 256), st.integers(0, 256))
def test_any_weights_amount_to_a_split_in_which_nobody_who_serves_is_left_out(blue: int, green: int) -> None:
    split = split_of({"blue": blue, "green": green}, BOTH)
    if not blue + green:
        assert split is None
    else:
        assert split is not None
        assert [bool(split.weight(release)) for release in (OLD, NEW)] == [bool(blue), bool(green)]


def test_a_slot_without_a_release_gets_nothing() -> None:
    assert shares(Split.all_to(OLD), (("blue", OLD),)) == {"blue": 100, "green": 0}


def test_a_release_without_a_slot_is_refused_by_name() -> None:
    with pytest.raises(FailedError, match=f"release {NEW} is to get 5 % but no slot holds it"):
        shares(Split.of({OLD: 95, NEW: 5}), (("blue", OLD),))


def test_requests_to_an_unknown_slot_are_a_stranger() -> None:
    with pytest.raises(FailedError, match="sends requests to slot green") as caught:
        split_of({"blue": 95, "green": 5}, (("blue", OLD),))
    assert caught.value.code == "stranger"
