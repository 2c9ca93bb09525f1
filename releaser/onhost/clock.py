"""What time is it on this host, in which boot, and is that process still the same one?"""

from __future__ import annotations

import time
from pathlib import Path

from releaser.onhost.answers import Refusal

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STILL = "ZXT"
"""States of a process that will not do anything by itself: zombie, dead, stopped."""


class Now:
    """Seconds of the boot-time clock, which goes on while the host sleeps, and the boot that they count from."""

    __slots__ = ("at", "boot")

    def __init__(self, at: float, boot: str) -> None:
        self.at = at
        self.boot = boot


def now(state: Path) -> Now:
    return Now(seconds(), boot(state))


def seconds() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def boot(state: Path) -> str:
    """The id of this boot, or what the file `boot_id` of a state directory says: that is how a test or a demo reboots."""
    for source in (state / "boot_id", BOOT_ID):
        try:
            return source.read_text().strip()
        except FileNotFoundError:
            continue
    raise Refusal("failed", "this host does not say which boot it is in: a guard needs Linux with /proc", "boot-id")


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot, or None where it will do nothing more (gone, dead or stopped)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in STILL else int(fields[19])
