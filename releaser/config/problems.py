"""How is a failed check told? One sentence: which file and line, what is wrong there, what to do."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from releaser.config.names import did_you_mean
from releaser.config.tree import Node, Path, Table, dotted, nearest
from releaser.errors import ConfigError

__all__ = ["Problem", "config_error", "told"]

Problem = tuple[Path, str]
"""Where, and what is wrong there, with the remedy."""
HIDDEN = frozenset({"env", "headers", "auth"})
"""Below these a wrong value may be a secret, and is not repeated."""


def told(error: ErrorDetails, prefix: Path, keys: Collection[str]) -> Problem:
    """One pydantic error as a problem; `keys` are the keys that the map at `prefix` may have."""
    loc = error["loc"]
    bad_key = loc[-1:] == ("[key]",) and error["type"] != "extra_forbidden"
    path = (*prefix, *(loc[:-1] if bad_key else loc))
    match error["type"]:
        case "missing":
            return path, f"{dotted(path)} is missing; add it"
        case "extra_forbidden":
            hint = did_you_mean(path[-1], keys) if keys else "remove it, or correct its name"
            return path, f"there is no key {dotted(path)[:160]!r}; {hint}"
        case _:
            return path, _printable(f"{dotted(path)[:160]}{_value(error, path)}: {_rule(error)}")


def config_error(problems: list[Problem], tree: Node) -> ConfigError:
    """The first problem in full, the others by place. `tree` knows the lines."""
    where, what = _place(problems[0], tree), problems[0][1]
    more = [f"{_place(problem, tree)}: {problem[1]}" for problem in problems[1:4]]
    rest = len(problems) - 1 - len(more)
    fix = (*more, *((f"and {rest} more",) if rest > 0 else ()))
    return ConfigError(f"{where}: {what}", fix=fix, code="config")


def _place(problem: Problem, tree: Node) -> str:
    return nearest(tree, problem[0]).origin


def _value(error: ErrorDetails, path: Path) -> str:
    given: Any = error["input"]
    if HIDDEN & set(path) or isinstance(given, Mapping | list | tuple | Table):
        return ""
    text = str(given)
    return f" is {(text[:60] + '...' if len(text) > 60 else text)!r}"


def _rule(error: ErrorDetails) -> str:
    text = error["msg"].removeprefix("Value error, ")
    if text.startswith("String should match pattern"):
        return "use letters, digits, '_' and '-' only, as names in files and commands have"
    return text.replace("Input should be", "it should be").replace("String should", "it should")


def _printable(text: str) -> str:
    """One line without anything that could move a cursor."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
