"""Which arguments does a run template mean? Plain replacement from a fixed set; there is no shell and no expression."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

__all__ = ["NAMES", "render"]

NAMES = ("port", "slot", "release", "version", "host")
NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def render(template: str, values: Mapping[str, str]) -> list[str]:
    """The arguments of `template`, split before anything is replaced: a value never becomes two arguments.

    Raises ValueError for open quotes, an unknown {name} or no command at all. Other braces stay as they are.
    """
    try:
        parts = shlex.split(template)
    except ValueError as error:
        raise ValueError(f"{template!r} cannot be split into arguments: {error}") from None
    if not parts or not parts[0].strip():
        raise ValueError("a command is missing")
    return [NAME.sub(lambda match: _value(match.group(1), values), part) for part in parts]


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in NAMES:
        raise ValueError(f"{{{name}}} is not known here: use {', '.join('{' + known + '}' for known in NAMES)}")
    return values[name]
