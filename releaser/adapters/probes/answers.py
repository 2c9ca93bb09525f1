"""What comes of one question over HTTP? An answer, or why there is none. Imports nothing that takes time to import."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BODY_LIMIT", "HttpAnswer", "NoAnswer"]

BODY_LIMIT = 64 * 1024
"""Bytes of an answer that are looked at."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`body` None: it is longer than BODY_LIMIT."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes | None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """`ours`: it says nothing about the application (a name that is not known, no descriptor left on this machine)."""

    why: str
    ours: bool = False
