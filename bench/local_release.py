"""How long from a decision to the split read back, and until the bad version answers nobody any more?

Each turn is a real release over a real router: 10 % for a candidate, then an abort from another session, as `releaser abort` asks
for it. The moments are the journal's; what users see comes from a load without retries in a process of its own.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from bench.figures import Figure, quantile
from bench.place import Place, place
from bench.traffic import Seen, traffic
from releaser.adapters.routers.managed import managed
from releaser.core import events as e
from releaser.core.values import Split
from releaser.onhost import recipe

TO_READ_BACK = 500.0
TO_LAST_REQUEST = 1000.0
RATE = 100.0
WITH_USERS = 0.4
"""Seconds that the candidate answers users before it is taken back."""


@dataclass
class Turn:
    """Wall clock of one release's moments. Implements ports.Notifier."""

    here: Place
    began: float = 0.0
    forward: float = 0.0
    asked: float = 0.0
    decided: float = 0.0
    back: float = 0.0
    asking: list[threading.Thread] = field(default_factory=list)

    def tell(self, entry: e.Entry) -> None:
        match entry.event:
            case e.StepBegun(step=0):
                self.began = entry.moment.wall
            case e.Shifted(urgent=False):
                self.forward = entry.moment.wall
                self.asking.append(threading.Thread(target=self._abort))
                self.asking[-1].start()
            case e.TurnedBack():
                self.decided = entry.moment.wall
            case e.Shifted(urgent=True):
                self.back = entry.moment.wall
            case _:
                pass

    def _abort(self) -> None:
        with closing(self.here.session()) as session:
            _ = session.journal
            time.sleep(WITH_USERS)
            self.asked = time.time()
            session.ask(e.Asked("abort", "bench", "measured"), wait=time.sleep)


def measure(*, quick: bool) -> list[Figure]:
    turns = {"envoy": 10 if quick else 100, "haproxy": 5 if quick else 30}
    return [figure for router, number in turns.items() for figure in _router(router, number)]


def _router(router: str, number: int) -> list[Figure]:
    with place(router, every="200ms") as here:
        by_hand = _by_hand(here, router)
        here.build("2.0.0")
        out = here.root / "load.json"
        done = []
        with traffic(here.url, RATE, "shift", out) as seen:
            for _ in range(number):
                turn = Turn(here)
                here.drive("2.0.0", playbook="held", listeners=(turn,))
                for thread in turn.asking:
                    thread.join()
                done.append(turn)
        unlogged = Figure(
            f"{router}: answers that the application's log does not know",
            len(here.unlogged(seen.sent)), "", 0, None, f"real, of {len(seen.sent)}, by request id",
        )  # fmt: skip
        return [*_figures(router, done, seen, by_hand), unlogged]


def _figures(router: str, turns: list[Turn], seen: Seen, by_hand: list[float]) -> list[Figure]:
    back = [(turn.back - turn.decided) * 1000 for turn in turns]
    heard = [(turn.back - turn.asked) * 1000 for turn in turns]
    forward = [(turn.forward - turn.began) * 1000 for turn in turns]
    ends = [*(turn.began for turn in turns[1:]), float("inf")]
    last = [(_last_answer(seen, turn, end) - turn.decided) * 1000 for turn, end in zip(turns, ends, strict=True)]
    floor = quantile(by_hand, 0.5)
    how = f"real, {len(turns)} releases; floor: the same by hand, median of {len(by_hand)}"
    after = f"real, {len(turns)} releases at {RATE:.0f} req/s; the worst of them"
    failed = sum(sent.failed_by_us for sent in seen.sent)
    return [
        Figure(f"{router}: decision to go back -> read back, p50", quantile(back, 0.5), "ms", None, floor, how),
        Figure(
            f"{router}: decision to go back -> read back, p99", quantile(back, 0.99), "ms", TO_READ_BACK, floor, how
        ),
        Figure(f"{router}: abort asked -> read back, p99", quantile(heard, 0.99), "ms", TO_READ_BACK, floor, how),
        Figure(f"{router}: step begins -> read back, p50", quantile(forward, 0.5), "ms", None, floor, how),
        Figure(f"{router}: step begins -> read back, p99", quantile(forward, 0.99), "ms", TO_READ_BACK, floor, how),
        Figure(f"{router}: decision -> last answer of the bad version", max(last), "ms", TO_LAST_REQUEST, None, after),
        Figure(f"{router}: requests failed by us", failed, "", 0, None, f"real, of {len(seen.sent)}, no retries"),
    ]


def _last_answer(seen: Seen, turn: Turn, end: float) -> float:
    """When users last heard of the candidate before `end`, where the next turn's first shift begins."""
    sent = [seen.answered(one) for one in seen.between(turn.began, end) if one.version == "2.0.0"]
    return max(sent, default=turn.decided)


def _by_hand(here: Place, router: str, times: int = 50) -> list[float]:
    """Milliseconds from the write to the router's own word for it, without any agent, lock, fsync or ledger."""
    with closing(here.session()) as session:
        (target,) = session.environment.targets.values()
        (site,) = session.world.sites.values()
        state = site.ledger.read(within=5.0)
        binding = tuple(sorted(state.slots.items()))
        dialect = managed(target.router.options, here.root / "at" / "router" / "files", here.ports).dialect
    spent, first = [], state.generation + 1
    for generation in range(first, first + times):
        write, look = dialect.write(Split.all_to(binding[0][1]), binding, generation), dialect.look(generation)
        began = time.perf_counter()
        if router == "envoy":
            _renamed(Path(write[0]["path"]), write[0]["text"])
            _until(partial(_says, look[0]["url"], generation))
        else:
            recipe.run([dict(operation) for operation in (*write, *look)], time.monotonic() + 5)
        spent.append((time.perf_counter() - began) * 1000)
    restored = dialect.write(Split.all_to(binding[0][1]), binding, state.generation)
    recipe.run([dict(operation) for operation in (*restored, *dialect.look(state.generation))], time.monotonic() + 5)
    return spent


def _renamed(path: Path, text: str) -> None:
    copy = path.with_suffix(".copy")
    copy.write_text(text, encoding="utf-8")
    copy.replace(path)


def _says(url: str, generation: int) -> bool:
    with suppress(OSError, KeyError, IndexError), urlopen(url, timeout=5) as answer:
        (config,) = json.load(answer)["configs"]
        (host,) = config["route_config"]["virtual_hosts"]
        marks = host["routes"][0]["metadata"]["filter_metadata"]["releaser"]
        return int(marks["generation"]) == generation
    return False


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.0005)
