import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from releaser.config.durations import Duration, Ratio, Share, Weight, duration, show_duration

WRONG = [
    "30",
    30,
    "",
    "s",
    "-1s",
    "1 s",
    "1h30m",
    "٣s",
    "1e3s",
    "nans",
    "infs",
    None,
    True,
    [],
    "9999999d",
    "01s",
    "1s\n",
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("10m", 600), ("2h", 7200), ("1.5s", 1.5), ("1d", 86400), ("0s", 0)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", WRONG)
def test_other_texts_are_no_duration(text: str) -> None:
    with pytest.raises(ValidationError, match=r"250ms, 30s, 10m, 2h|at most a year"):
        TypeAdapter(Duration).validate_python(text)


@given(st.integers(min_value=0, max_value=31_000_000_000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert duration(show_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


def test_shares_weights_and_ratios() -> None:
    assert TypeAdapter(Share).validate_python("0.5%") == 0.005
    assert TypeAdapter(Weight).validate_python("25%") == 25
    assert TypeAdapter(Ratio).validate_python("1.1x") == 1.1
    assert TypeAdapter(Share).dump_python(0.005) == "0.5%"
    assert TypeAdapter(Ratio).dump_python(1.25) == "1.25x"
    for kind, wrong in (
        (Share, ["5", "101%", "-1%", 5]),
        (Weight, ["0%", "0.5%", "101%", 5]),
        (Ratio, ["1.1", "x", 1.1]),
    ):
        for text in wrong:
            with pytest.raises(ValidationError):
                TypeAdapter(kind).validate_python(text)
