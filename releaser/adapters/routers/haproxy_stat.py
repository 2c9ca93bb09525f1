"""What do HAProxy's counters and its log say of a slot's servers? (pure)

The counters decide: they miss nothing, and begin anew with a reload. The log only adds the times.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from releaser.adapters.routers.request_lines import requests_of
from releaser.core.latency import Latency
from releaser.core.values import Counts

__all__ = ["LOG_FORMAT", "counts_of", "dropped_lines", "latency_of"]

LOG_FORMAT = "%b/%s %ST %Ta"
"""Server, status, milliseconds from the first byte of the request to the last of the answer."""
ANSWERED = ("hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
COLUMNS = (*ANSWERED, "econ", "eresp", "scur", "qcur", "stot")
CAUSES = {"5xx": "hrsp_5xx", "econ": "econ", "eresp": "eresp"}


def counts_of(rows: Mapping[str, Mapping[str, str]]) -> Counts:
    """A slot's servers together; `rows` by host as people call it, or by "" where there is only one.

    Tried with HAProxy 2.6: a refused connection is only in econ, a time-out once in eresp. A reset before the answer is twice in
    eresp, but once where the client's connection had been used before; an answer that breaks off is in eresp and in hrsp. So
    these may be more than the requests that were sent there, which stot knows; and both figures never fall.
    """
    requests = {host: {name: int(row[name] or 0) for name in COLUMNS} for host, row in rows.items()}
    completed = failed = 0
    for row in requests.values():
        broken = row["econ"] + row["eresp"]
        ended = min(row["stot"], sum(row[name] for name in ANSWERED) + broken)
        completed, failed = completed + ended, failed + min(ended, row["hrsp_5xx"] + broken)
    causes = {
        f"{cause} {host}".strip(): row[column] for host, row in requests.items() for cause, column in CAUSES.items()
    }
    active = sum(row["scur"] + row["qcur"] for row in requests.values())
    return Counts(completed, failed, active, tuple(sorted((cause, n) for cause, n in causes.items() if n)))


def dropped_lines(info: str) -> int:
    """Lines that HAProxy could not send, of `show info`; since it started."""
    found = re.search(r"^DroppedLogs: (\d+)$", info, re.MULTILINE)
    return int(found[1]) if found else 0


def latency_of(reply: str, dropped: int, servers: Sequence[str]) -> Latency | None:
    """From what was heard of the log; None: it is not heard. `dropped` lines HAProxy itself could not send."""
    told: dict[str, Any] = json.loads(reply)
    if "lines" not in told:
        return None
    times: dict[float, int] = {}
    for server in servers:
        for edge, number in requests_of(told["lines"], server, unit=1000).times.items():
            times[edge] = times.get(edge, 0) + number
    return Latency.of(times, int(told["lost"]) + dropped)
