"""Which names and paths may stand in a file, a command or a URL? Allow-lists, and "did you mean" for the rest."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from releaser.core.values import release_id
from releaser.errors import UsageError

__all__ = ["HostName", "LocalPath", "Name", "RemotePath", "Url", "check_version", "did_you_mean", "good_name"]

NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$"
HOST = r"^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\]?)$"
REMOTE = re.compile(r"(?:~/|\./|/)?[A-Za-z0-9_.{][A-Za-z0-9_./@+:,={}-]*|/")
URL = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+(?:/[!-~]*)?")


def good_name(text: str) -> bool:
    """Whether it may name an app, environment, target, probe or playbook (and so a file)."""
    return len(text) <= 63 and re.fullmatch(NAME, text) is not None


def check_version(text: str) -> str:
    """The version as given. Raises UsageError for what could be anything but a plain name."""
    try:
        release_id(text, "", "")
    except ValueError as error:
        raise UsageError(str(error), code="bad-version") from None
    return text


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or the list of what there is."""
    names = sorted(known)
    close = get_close_matches(str(wrong)[:80], names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"use one of: {', '.join(names)}" if names else "none is known here"


def _remote(path: str) -> str:
    if len(path) > 1024 or not REMOTE.fullmatch(path) or ".." in path.split("/"):
        raise ValueError("a path has letters, digits and . _ / @ + : , = { } -, no '..' and no '-' in front")
    return path


def _local(path: str) -> str:
    if not path or len(path) > 1024 or path.startswith("-") or not path.isprintable():
        raise ValueError("a path is printable text without '-' in front")
    return path


def _url(url: str) -> str:
    if len(url) > 2048 or not URL.fullmatch(url):
        raise ValueError("a URL starts with https:// or http:// and a host, without user or password")
    return url


Name = Annotated[str, StringConstraints(pattern=NAME, max_length=63)]
HostName = Annotated[str, StringConstraints(pattern=HOST, max_length=253)]
RemotePath = Annotated[str, AfterValidator(_remote)]
LocalPath = Annotated[str, AfterValidator(_local)]
Url = Annotated[str, AfterValidator(_url)]
