"""What was found, how bad is it, and what mends it? One value for each question that was asked."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CHECKS", "Finding", "Level", "fail", "ok", "unknown", "warn"]

Level = Literal["OK", "WARN", "FAIL", "UNKNOWN"]
"""FAIL: a release would be refused, or could not be taken back. UNKNOWN: it was asked, and no answer came."""

CHECKS = (
    "reach", "host key", "login", "sudo", "python", "clock", "path", "disk", "ports", "units", "slots",
    "router", "socket", "settings", "ledger", "guard", "playbook", "secrets", "journal", "way back",
)  # fmt: skip
"""In the order in which a person wants them: who cannot be reached was asked nothing else."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` is a clause without a full stop; `fix` are commands or changes to try; `code` is for machines."""

    level: Level
    check: str
    where: str
    """The host, as the environment names it; empty: this machine."""
    found: str
    fix: tuple[str, ...] = ()
    code: str = ""


def ok(check: str, where: str, found: str) -> Finding:
    return Finding("OK", check, where, found)


def warn(check: str, where: str, found: str, *fix: str) -> Finding:
    return Finding("WARN", check, where, found, fix)


def fail(check: str, where: str, found: str, *fix: str, code: str) -> Finding:
    return Finding("FAIL", check, where, found, fix, code)


def unknown(check: str, where: str, found: str, *fix: str) -> Finding:
    return Finding("UNKNOWN", check, where, found, fix, "unknown")
