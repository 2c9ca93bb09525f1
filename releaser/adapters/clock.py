"""What time is it on this machine: the boot-time clock (it goes on while the machine sleeps) and this boot's id."""

import time
import uuid
from pathlib import Path

from releaser.core.values import Moment

__all__ = ["BootClock"]

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BootClock:
    """Implements ports.Clock. Where there is no boot-time clock (macOS, Windows) the monotonic one stands in."""

    def __init__(self) -> None:
        self.clock = getattr(time, "CLOCK_BOOTTIME", None)
        self.boot = _boot_id()

    def now(self) -> float:
        return time.monotonic() if self.clock is None else time.clock_gettime(self.clock)

    def moment(self) -> Moment:
        return Moment(self.now(), self.boot, time.time())


def _boot_id() -> str:
    """Elsewhere than on Linux: one name for machine and boot, good to about a minute."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        booted = round((time.time() - time.monotonic()) / 60)
        return f"{uuid.getnode():x}-{booted}"
