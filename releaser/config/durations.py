"""How are durations, shares and ratios written? `250ms`, `30s`, `10m`, `2h`; `5%`; `1.1x`.

In memory a duration is seconds, a share a fraction (0.05), a ratio a factor (1.1), a weight a whole percent. They are
written back in the same way, so that a resolved environment can be read again.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

__all__ = [
    "DURATION",
    "RATIO",
    "SHARE",
    "Duration",
    "Ratio",
    "Share",
    "Weight",
    "duration",
    "show_duration",
    "show_ratio",
    "show_share",
]

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
NUMBER = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?"
DURATION = rf"^{NUMBER}(ms|s|m|h|d)$"
SHARE = rf"^{NUMBER}%$"
WEIGHT = r"^(?:100|[1-9][0-9]?)%$"
RATIO = rf"^{NUMBER}x$"
LONGEST = 366 * 86400.0


def duration(text: Any) -> float:
    """Seconds of "250ms", "30s", "10m", "2h", "1d". Raises ValueError."""
    found = re.fullmatch(DURATION, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("a duration is a number with its unit: 250ms, 30s, 10m, 2h")
    seconds = round(float(text[: -len(found[1])]) * UNITS[found[1]], 6)
    if seconds > LONGEST:
        raise ValueError("a duration is at most a year")
    return seconds


def show_duration(seconds: float) -> str:
    """The shortest exact way to write it: 90.0 is 90s, 3600.0 is 1h."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return _number(seconds) + "s" if seconds >= 1 or not seconds else _number(seconds * 1000) + "ms"


def _share(text: Any) -> float:
    if not isinstance(text, str) or not re.fullmatch(SHARE, text) or float(text[:-1]) > 100:
        raise ValueError("a share is a percentage from 0% to 100%, such as 5% or 0.5%")
    return round(float(text[:-1]) / 100, 10)


def _weight(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(WEIGHT, text):
        raise ValueError("a weight is a whole percentage from 1% to 100%")
    return int(text[:-1])


def _ratio(text: Any) -> float:
    if not isinstance(text, str) or not re.fullmatch(RATIO, text):
        raise ValueError("a ratio is a factor such as 1.1x")
    return float(text[:-1])


def show_share(share: float) -> str:
    return _number(share * 100) + "%"


def show_ratio(ratio: float) -> str:
    return _number(ratio) + "x"


def _number(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Duration = Annotated[float, BeforeValidator(duration), PlainSerializer(show_duration), _schema(DURATION, "30s")]
Share = Annotated[float, BeforeValidator(_share), PlainSerializer(show_share), _schema(SHARE, "5%")]
Weight = Annotated[int, BeforeValidator(_weight), PlainSerializer(lambda weight: f"{weight}%"), _schema(WEIGHT, "25%")]
Ratio = Annotated[float, BeforeValidator(_ratio), PlainSerializer(show_ratio), _schema(RATIO, "1.1x")]
