"""How are an application's variables written for systemd's EnvironmentFile=, so that it reads back exactly these? PURE."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["environment_file", "unfit"]

ESCAPED = '"\\`$'
"""What a backslash makes plain between double quotes; $ is not expanded by systemd, but by a shell that reads the file."""
ALLOWED = "\t\n"


def environment_file(values: Mapping[str, str]) -> bytes:
    """One assignment a variable, every value quoted; line ends stand as they are, which systemd reads between quotes."""
    return "".join(f'{name}="{_quoted(value)}"\n' for name, value in sorted(values.items())).encode()


def unfit(values: Mapping[str, str]) -> list[str]:
    """The variables whose values systemd would leave out, printing them in full into the journal."""
    return sorted(name for name, value in values.items() if not _fits(value))


def _quoted(value: str) -> str:
    return "".join("\\" + sign if sign in ESCAPED else sign for sign in value)


def _fits(value: str) -> bool:
    """No control characters but tabs and line ends (environment(7) of systemd), and nothing that is not text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return all(sign in ALLOWED or not (sign < " " or "\x7f" <= sign <= "\x9f") for sign in value)
