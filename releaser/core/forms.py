"""How does a frozen dataclass become what JSON can say, and come back? By its type hints, which are read once. (pure)

Unions of dataclasses are tagged by "kind"; tuples are lists; a missing field takes its default, an unknown one is ignored.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

__all__ = ["UnknownWordError", "an_object", "fields_from_data", "from_data", "to_data"]

T = TypeVar("T")
Convert = Callable[[Any], Any]


class UnknownWordError(ValueError):
    """A kind, an outcome or another word of a closed list that this version does not know: a later version's."""


def to_data(hint: Any, value: Any) -> Any:
    """`value`, which is of the type `hint`, as what JSON can say. Raises ValueError for NaN and infinity."""
    write = _writer(hint)
    return write(value) if write else value


def from_data(hint: type[T], data: Any) -> T:
    """The other way round. Raises ValueError for what does not fit, UnknownWordError for a word of a later version."""
    read = _reader(cast("Any", hint))
    return cast("T", read(data))


def an_object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"expected an object, found {_named(data)}")  # noqa: TRY004  one error type for all bad text
    return data


def _named(data: Any) -> str:
    return repr(data)[:80]


def _has_fields(hint: Any) -> bool:
    return hasattr(hint, "__dataclass_fields__")


def _is_enumeration(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


# --- values to data: None stands for "as it is", so that plain strings and whole numbers cost nothing ----------------


@cache
def _writer(hint: Any) -> Convert | None:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is float:
        return _write_float
    if _is_enumeration(hint):
        return str
    if origin is tuple:
        return _tuple_writer(arguments)
    if origin in (Union, UnionType):
        return _union_writer(arguments)
    if _has_fields(hint):
        return _fields_writer(hint)
    return None


def _write_float(value: float) -> float:
    """An int that stands for a float is written as the float, so that equal values have equal text."""
    if not isfinite(value):
        raise ValueError(f"{value} is not a number that the journal keeps")
    return float(value) + 0.0  # -0.0 becomes 0.0: equal values, equal text


def _tuple_writer(arguments: tuple[Any, ...]) -> Convert:
    if arguments[-1] is Ellipsis:
        write = _writer(arguments[0])
        return (lambda values: [write(value) for value in values]) if write else list
    writers = [_writer(argument) for argument in arguments]
    return lambda values: [write(value) if write else value for write, value in zip(writers, values, strict=True)]


def _union_writer(arguments: tuple[Any, ...]) -> Convert | None:
    options = [argument for argument in arguments if argument is not NoneType]
    if len(options) > 1 and all(map(_has_fields, options)):
        return _tagged_writer
    write = _writer(options[0])
    return (lambda value: None if value is None else write(value)) if write else None


def _tagged_writer(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    data: dict[str, Any] = _fields_writer(kind)(value)
    data["kind"] = kind.__name__
    return data


@cache
def _fields_writer(kind: Any) -> Convert:
    hints = get_type_hints(kind)
    plan = [(field.name, _writer(hints[field.name])) for field in fields(kind)]

    def write_fields(value: Any) -> dict[str, Any]:
        return {name: write(getattr(value, name)) if write else getattr(value, name) for name, write in plan}

    return write_fields


# --- data to values --------------------------------------------------------------------------------------------------


@cache
def _reader(hint: Any) -> Convert:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin is Literal:
        return _word_reader({word: word for word in arguments})
    if _is_enumeration(hint):
        return _word_reader({str(member): member for member in cast("Iterable[StrEnum]", hint)})
    if origin is tuple:
        return _tuple_reader(arguments)
    if origin in (Union, UnionType):
        return _union_reader(arguments)
    if _has_fields(hint):
        return _dataclass_reader(hint)
    raise TypeError(f"the codec has no form for {hint}")


def _read_text(data: Any) -> str:
    if type(data) is not str:
        raise ValueError(f"expected text, found {_named(data)}")
    return data


def _read_whole(data: Any) -> int:
    if type(data) is not int:
        raise ValueError(f"expected a whole number, found {_named(data)}")
    return data


def _read_float(data: Any) -> float:
    try:
        if type(data) in (float, int) and isfinite(data):
            return float(data)
    except OverflowError:
        pass
    raise ValueError(f"expected a finite number, found {_named(data)}")


def _read_truth(data: Any) -> bool:
    if type(data) is not bool:
        raise ValueError(f"expected true or false, found {_named(data)}")
    return data


_PLAIN: dict[Any, Convert] = {str: _read_text, int: _read_whole, float: _read_float, bool: _read_truth}


def _word_reader(words: Mapping[str, Any]) -> Convert:
    def read_word(data: Any) -> Any:
        found = words.get(_read_text(data))
        if found is None:
            raise UnknownWordError(f"{_named(data)} is not one of {', '.join(words)}")
        return found

    return read_word


def _tuple_reader(arguments: tuple[Any, ...]) -> Convert:
    repeated = arguments[-1] is Ellipsis
    readers = [_reader(argument) for argument in arguments if argument is not Ellipsis]

    def read_tuple(data: Any) -> tuple[Any, ...]:
        if type(data) is not list or not (repeated or len(data) == len(readers)):
            raise ValueError(f"expected a list, found {_named(data)}")
        if repeated:
            return tuple(map(readers[0], data))
        return tuple(read(item) for read, item in zip(readers, data, strict=True))

    return read_tuple


def _union_reader(arguments: tuple[Any, ...]) -> Convert:
    options = [argument for argument in arguments if argument is not NoneType]
    if len(options) > 1:
        return _tagged_reader({option.__name__: option for option in options})
    read = _reader(options[0])
    return lambda data: None if data is None else read(data)


def _tagged_reader(kinds: Mapping[str, Any]) -> Convert:
    def read_tagged(data: Any) -> Any:
        kind = _read_text(an_object(data).get("kind"))
        if kind not in kinds:
            raise UnknownWordError(f"{kind[:80]!r} is not a kind that this version knows")
        return _reader(kinds[kind])(data)

    return read_tagged


def _dataclass_reader(kind: Any) -> Convert:
    read_fields = fields_from_data(kind, frozenset())
    return lambda data: kind(**read_fields(an_object(data)))


@cache
def fields_from_data(kind: Any, without: frozenset[str]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    hints = get_type_hints(kind)
    plan = [
        (field.name, _reader(hints[field.name]), field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
        if field.name not in without
    ]

    def read_fields(data: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for name, read, required in plan:
            if name in data:
                values[name] = read(data[name])
            elif required:
                raise ValueError(f"{kind.__name__} without its {name}")
        return values

    return read_fields
