"""Does a router's own timer ever fire after the commit?

Releases by a fast playbook on this machine, several environments side by side; each HAProxy is looked at every 50 ms until T and a
second after each commit.
"""

import multiprocessing
import signal
import sys
import time
from dataclasses import dataclass

from drill_weights import watched

from bench.apart import said
from bench.figures import Figure
from bench.place import place
from bench.traffic import traffic
from releaser.core import events as e

SIDE_BY_SIDE = 4
RELEASES = 50
"""In each of those environments."""
TIMER = 3.0
DELTA = 1.0
FAST = f"""\
strategy: canary
steps: [ {{ weight: 50% }}, {{ weight: 100% }} ]
bake: 300ms
judge: {{ errors: {{ not_worse_than: 2x, within: 20% }}, beta: 20% }}
budget: {{ step: 30s, release: 2m, rollback: 20s, deadman: {TIMER:g}s, ready: 30s }}
"""
RATE = 40.0


def measure(*, quick: bool) -> list[Figure]:
    return _commits(3 if quick else RELEASES)


@dataclass
class Committed:
    """Implements ports.Notifier. `at`: wall clock of the commit, as the ledger answered."""

    at: float | None = None

    def tell(self, entry: e.Entry) -> None:
        if isinstance(entry.event, e.Settled) and entry.event.settlement == "committed":
            self.at = entry.moment.wall


def _commits(each: int) -> list[Figure]:
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(SIDE_BY_SIDE, initializer=_clear_up_when_told) as pool:
        found = [sum(counts) for counts in zip(*pool.map(_releases, [each] * SIDE_BY_SIDE), strict=True)]
    committed, fired, unseen, undone = found
    how = f"real, local, {committed} releases in {time.monotonic() - began:.0f} s, T {TIMER:g} s, {RATE:g} req/s each"
    return [
        Figure("releases that did not get as far as the commit", undone, "", how=how),
        Figure("firings after the commit", fired, "", 0, how=how),
        Figure("commits whose HAProxy was not seen", unseen, "", 0, how=how),
    ]


def _clear_up_when_told() -> None:
    """Else an environment would stay behind, with its processes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _releases(number: int) -> tuple[int, int, int, int]:
    """(committed, fired afterwards, not looked at, not committed) of that many, one after the other in an environment."""
    committed = fired = unseen = undone = 0
    with place("haproxy", every="200ms") as here:
        (here.root / "playbooks" / "fast.yaml").write_text(FAST)
        (control,) = here.root.rglob("haproxy.sock")
        with watched({"lb": lambda: control}, "app") as seen, traffic(here.url, RATE, "drill", here.root / "load.json"):
            for index in range(number):
                version = f"2.{index}.0"  # one that was taken back is refused from then on
                here.build(version)
                commit = Committed()
                try:
                    done = here.drive(version, playbook="fast", listeners=(commit,))
                    why = done.turned.why if done.turned else str(done.outcome)
                except RuntimeError as error:  # no plan: a machine that is so busy does not even answer
                    why = str(error)
                if commit.at is None:
                    undone += 1
                    said(f"release {index + 1} of {number} did not get as far as the commit: {why}")
                    continue
                time.sleep(TIMER + DELTA)
                served = [set(weights or {}) for at, weights in seen.looks["lb"] if at >= commit.at]
                committed += 1
                unseen += not served
                fired += any(slots != served[0] or len(slots) != 1 for slots in served)
                said(f"release {index + 1} of {number}: {len(served)} looks after the commit, {fired} firings so far")
    return committed, fired, unseen, undone
