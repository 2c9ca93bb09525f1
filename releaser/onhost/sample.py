"""Does every request really go by the new configuration? Asked of the data path itself, as users ask it."""

from __future__ import annotations

import time

from releaser.onhost import httpget
from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

POLL = 0.02


def sample(operation: dict[str, Any], until: float) -> str:
    """{url, host, header, value, times}: that many answers in a row carry the value; returns how many were asked in all.

    A share q of the traffic that still goes the old way is missed with (1 - q)^times. Raises Refusal by `until`.
    """
    name, value = operation["header"], str(operation["value"])
    agreed, asked, seen = 0, 0, "no answer"
    while agreed < int(operation["times"]):
        try:
            found = httpget.header(httpget.fetch(operation["url"], until, operation.get("host", "")), name)
        except (OSError, ValueError) as error:
            found, seen = "", str(error) or type(error).__name__
        else:
            seen = f"{name}: {found}" if found else f"an answer without {name}"
        asked += 1
        agreed = agreed + 1 if found == value else 0
        if agreed == 0:
            if time.monotonic() + POLL > until:
                raise Refusal(
                    "failed", f"{operation['url']} never answered with {name}: {value} for long; last: {seen}", "sample"
                )
            time.sleep(POLL)
    return str(asked)
