"""How long from a decision to go back until two load balancers before 20 hosts, all of them reached by SSH only, are on stable?

Each turn is a real `releaser promote` to 10 % and an abort. In some turns every packet between releaser and one load balancer's SSH
is dropped just before: that one has only its own timer. The moments are the journal's, and what the load balancers apply is read
from outside every 50 ms.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drill_telling import EndedError, Telling, eventually
from drill_weights import Watched, watched
from fleet_stage import Fleet, fleet
from ssh_lab import PORT

from bench.apart import said
from bench.figures import Figure, quantile
from releaser.core import events as e
from releaser.engine.session import Session

HOSTS = 20
TO_READ_BACK = 2000.0
TO_STABLE = 10_000.0
TIMER = 6.0
STATED = TIMER + TIMER / 3 + 3 + 1
"""Seconds after which a rollback ends although a load balancer is silent, by what it says itself; and one to end in."""
WITH_USERS = 0.3
"""Seconds that the candidate answers users before it is taken back."""
PATIENCE = 180.0
IN_VAIN = 10
LEFT_ALONE = 15.0
"""Seconds after the decision for which the silent load balancer stays silent."""
HELD = f"""\
strategy: canary
steps: [ {{ weight: 10%, at_least: 30m }}, {{ weight: 100% }} ]
judge: {{ errors: {{ not_worse_than: 2x, within: 20% }}, beta: 20% }}
budget: {{ step: 40m, release: 1h, rollback: 10s, deadman: {TIMER:g}s, ready: 60s }}
"""
DROP = (
    "add table inet bench; add chain inet bench input {{ type filter hook input priority 0; }}; "
    "add rule inet bench input ip daddr {0} tcp dport {1} drop; add rule inet bench input ip saddr {0} tcp sport {1} drop"
)


@dataclass(frozen=True)
class Turn:
    """Milliseconds since the decision; None: not as long as it was looked at."""

    read_back: Sequence[float]
    """Of each load balancer that releaser reached before anything was mended, by its own read-back."""
    home: Sequence[float | None]
    """Of each load balancer: users are on stable for good, seen from outside. The silent one is the last."""
    end: float | None
    """The process has ended."""
    mended: float | None = None
    """... since the network is whole again, where it had to be."""


def measure(*, quick: bool) -> list[Figure]:
    return measured(3, 2, 1) if quick else measured(HOSTS, 25, 12)


def measured(hosts: int, well: int, silent: int) -> list[Figure]:
    """`well` and `silent`: how many turns with both load balancers there, and with one of them silent."""
    with fleet({"web": hosts}, policy="parallel: 32") as site:
        _as_measured(site)
        first = site.promote("1.0.0")
        if first.code:
            raise RuntimeError(first.document["message"])
        site.build("2.0.0")
        balancers = site.targets["web"].balancers
        sockets = {one.address: partial(_socket, one.folder) for one in balancers}
        session = Session.open("test", site.root, environ=site.environ(), by="bench")
        with closing(session), watched(sockets, "shop") as seen:
            done = list(_turns(well, partial(_turn, site, session, seen, silent=False)))
            hushed = list(_turns(silent, partial(_turn, site, session, seen, silent=True)))
    return [*_well(hosts, done), *_silent(hosts, hushed)]


def _as_measured(site: Fleet) -> None:
    """Turn after turn without a freeze between them, and probes that leave the two cores to what is measured."""
    file = site.root / "environments" / "test.yaml"
    text = file.read_text()
    for old, new in (("freeze_after_rollback: 10m", "freeze_after_rollback: 0s"), ("every: 200ms", "every: 1s")):
        if old not in text:
            raise RuntimeError(f"the stage's environment has no {old!r} any more")
        text = text.replace(old, new)
    file.write_text(text)
    (site.root / "playbooks" / "held.yaml").write_text(HELD)


def _socket(folder: Path) -> Path:
    return folder / "site" / "haproxy.sock"


def _turns(number: int, turn: Callable[[], Turn]) -> Iterator[Turn]:
    """That many; a release that never got to its users has nothing to take back, and is not one of them."""
    in_vain = 0
    while number:
        try:
            yield turn()
            number -= 1
        except EndedError as ended:
            said(f"not counted: {ended}")
            in_vain += 1
            if in_vain > IN_VAIN:
                raise


def _turn(site: Fleet, session: Session, seen: Watched, *, silent: bool) -> Turn:
    names = list(seen.looks)
    (stable,) = seen.now(names[0]) or {"": 0}
    with site.spawned("promote", "2.0.0", "--playbook", "held") as process:
        told = Telling(process)
        told.until("Shifted", PATIENCE, len(names), urgent=False)
        eventually(lambda: all(len(seen.now(name) or {}) == 2 for name in names), 5, "both send some users on")
        time.sleep(WITH_USERS)
        with dropped(names[-1]) if silent else nothing():
            asked = time.time()
            session.ask(e.Asked("abort", "bench", "measured"), wait=time.sleep)
            turned = told.until("TurnedBack", 10, cause="abort")["at"]
            ended = told.ended(LEFT_ALONE if silent else PATIENCE)
            end = time.time() if ended else None
            back = [event["at"] for event in told.of("Shifted", urgent=True) if event["at"] >= turned]
        mended = time.time()
        if not told.ended(PATIENCE):
            raise RuntimeError("a rollback did not end, with every load balancer there")
        after = None if ended else (time.time() - mended) * 1000
    home = [seen.home(name, stable, turned) for name in names]
    turn = Turn(
        _since(turned, back), [at and (at - turned) * 1000 for at in home], end and (end - turned) * 1000, after
    )
    said(
        f"{'one silent' if silent else 'rollback'}: asked {(turned - asked) * 1000:.0f} ms before the decision; {turn}"
    )
    return turn


def _since(turned: float, moments: Sequence[float]) -> list[float]:
    return [(at - turned) * 1000 for at in moments]


@contextmanager
def dropped(address: str) -> Iterator[None]:
    """No packet of SSH passes to or from that host: not a reset, nothing."""
    subprocess.run(["nft", DROP.format(address, PORT)], check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete table inet bench"], check=True)


@contextmanager
def nothing() -> Iterator[None]:
    yield


def _well(hosts: int, turns: Sequence[Turn]) -> list[Figure]:
    what, how = f"rollback, {hosts} hosts, 2 HAProxies", f"real over SSH, {len(turns)} releases"
    back = [max(turn.read_back) for turn in turns if len(turn.read_back) == len(turn.home)]
    home = [max(at for at in turn.home if at is not None) for turn in turns if None not in turn.home]
    ends = [turn.end for turn in turns if turn.end is not None]
    return [
        Figure(f"{what}: not back on both", 2 * len(turns) - len(back) - len(home), "", 0, how=how),
        Figure(f"{what}: decision -> read back on both, p50", quantile(back, 0.5), "ms", None, how=how),
        Figure(f"{what}: decision -> read back on both, p99", quantile(back, 0.99), "ms", TO_READ_BACK, how=how),
        Figure(
            f"{what}: decision -> both apply it, from outside, p99", quantile(home, 0.99), "ms", TO_READ_BACK, how=how
        ),
        Figure(f"{what}: decision -> the command has ended, p50", quantile(ends, 0.5), "ms", None, how=how),
    ]


def _silent(hosts: int, turns: Sequence[Turn]) -> list[Figure]:
    what, how = f"rollback, {hosts} hosts, one of 2 HAProxies silent", f"real over SSH, {len(turns)} releases, nft drop"
    back = [turn.read_back[0] for turn in turns if turn.read_back]
    home = [turn.home[-1] for turn in turns if turn.home[-1] is not None]
    everybody = [max(at for at in turn.home if at is not None) for turn in turns if None not in turn.home]
    ends = [turn.end for turn in turns if turn.end is not None]
    stated = (TIMER + 1) * 1000
    return [
        Figure(f"{what}: not back on both", 2 * len(turns) - len(back) - len(home), "", 0, how=how),
        Figure(f"{what}: decision -> read back on the other, p99", quantile(back, 0.99), "ms", TO_READ_BACK, how=how),
        Figure(
            f"{what}: decision -> it went back itself, p99",
            quantile(home, 0.99),
            "ms",
            stated,
            how=f"{how}; T {TIMER:g} s",
        ),
        Figure(
            f"{what}: the command had not ended while it was silent",
            len(turns) - len(ends),
            "",
            0,
            how=f"{how} for {LEFT_ALONE:g} s",
        ),
        Figure(f"{what}: decision -> all users on stable, p99", quantile(everybody, 0.99), "ms", TO_STABLE, how=how),
        Figure(f"{what}: decision -> the command has ended, p99", quantile(ends, 0.99), "ms", STATED * 1000, how=how),
    ]
