"""The load as a process of its own, so that it shares no interpreter lock with what is measured.

    python -m bench.traffic URL RATE NAME OUT        until SIGTERM

OUT gets one JSON document: {"began": wall clock of the load's second 0, "sent": [every request]}.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from releaser.testing.load import Client, Sent, Traffic


@dataclass
class Seen:
    """What users saw; filled when the load has ended."""

    began: float = 0.0
    sent: list[Sent] = field(default_factory=list)

    def answered(self, sent: Sent) -> float:
        """Wall clock."""
        return self.began + sent.at + sent.latency

    def between(self, first: float, last: float) -> list[Sent]:
        """Sent from the wall clock's `first` to `last`."""
        return [sent for sent in self.sent if first <= self.began + sent.at < last]


@contextmanager
def traffic(url: str, rate: float, name: str, out: Path) -> Iterator[Seen]:
    seen = Seen()
    process = subprocess.Popen([sys.executable, "-m", "bench.traffic", url, str(rate), name, str(out)])
    try:
        yield seen
    finally:
        process.terminate()
        process.wait(timeout=30)
    document = json.loads(out.read_text(encoding="utf-8"))
    seen.began = document["began"]
    seen.sent = [Sent(**one) for one in document["sent"]]


async def _send(asked: Traffic) -> str:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    results: list[Sent] = []
    began = time.time()
    await Client(asked, results).run(stop)
    return json.dumps({"began": began, "sent": [asdict(sent) for sent in results]})


if __name__ == "__main__":
    url, rate, name, out = sys.argv[1:]
    document = asyncio.run(_send(Traffic(url, rate=float(rate), name=name)))
    Path(out).write_text(document, encoding="utf-8")
