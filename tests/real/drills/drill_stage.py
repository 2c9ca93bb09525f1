"""What dies in the middle of a release over SSH, at which moment, and what is then to be seen on each load balancer?

releaser runs on a laptop, two hosts and a pair of HAProxies are machines of their own; each load balancer's own word about its
weights is read every 50 ms from outside.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from drill_telling import EndedError, Telling, eventually
from drill_weights import Watched, watched
from machines import Machine
from shop import Shop, shop

from releaser.core.events import Asked
from releaser.engine.session import Session

__all__ = ["DELTA", "KINDS", "MOMENTS", "TIMER", "Drilled", "Ground", "Kind", "drill", "ground"]

Kind = Literal["kill -9", "sleep", "partition", "power-off"]
KINDS: tuple[Kind, ...] = ("kill -9", "sleep", "partition", "power-off")
TIMER = 4.0
"""T, seconds."""
DELTA = 1.0
"""Seconds beyond T within which each load balancer must be back."""
PATIENCE = 90.0
TRIES = 3
STEPS = f"""\
strategy: canary
steps: [ {{ weight: 10%, at_least: 500ms }}, {{ weight: 50%, approve: {{ by: "ada", within: 10m }} }}, {{ weight: 100% }} ]
bake: 10m
judge: {{ errors: {{ not_worse_than: 2x, within: 20% }}, beta: 20% }}
budget: {{ step: 15m, release: 20m, rollback: 20s, deadman: {TIMER:g}s, ready: 60s }}
"""
MOMENTS = ("armed", "first step", "second step, on one of two", "approval", "bake")
PORT_22 = """
table inet drill {
  chain input { type filter hook input priority 0; tcp sport 22 drop; }
  chain output { type filter hook output priority 0; tcp dport 22 drop; }
}
"""
GUARD = ["sh", "-c", 'exec "$0" -I -S "$(ls -dt /srv/shop/.releaser/agent/agent-*/ | head -n 1)" "$1"', sys.executable]
STATE = "/srv/shop/.releaser/router"


@dataclass
class Ground:
    """A shop with 1.0.0 serving, its users, and an eye on both load balancers."""

    site: Shop
    seen: Watched
    session: Session
    """Of whoever approves, on the laptop too: it shares the journal."""
    dark: set[str]
    """Machines without power."""
    number: int = 0

    def version(self) -> str:
        self.number += 1
        version = f"2.{self.number}.0"
        self.site.build(version)
        return version

    def stable(self) -> str:
        """The slot that all users are on."""
        ((slot, _),) = (self.seen.now("lb1") or {}).items()
        return slot

    def machines(self) -> list[Machine]:
        return [self.site.machine(name) for name in self.seen.looks]


@dataclass(frozen=True)
class Drilled:
    """`home`: router -> seconds from the disturbance (power-off: from the return of power) until its users are on stable for good."""

    kind: str
    moment: str
    home: Mapping[str, float | None]
    refused: bool
    """A write under the fence that the release had is refused by both."""
    forward: int
    """Shifts towards the candidate that the release reports once T is over."""
    exit: int | None
    settled: bool
    """In the end nothing is armed or held, and each load balancer still sends all users to stable."""

    def missed(self, within: float = TIMER + DELTA) -> bool:
        late = any(at is None or at > within for at in self.home.values())
        return (
            late or not self.refused or self.forward > 0 or self.exit not in {3, 5, -signal.SIGKILL} or not self.settled
        )


@contextmanager
def ground() -> Iterator[Ground]:
    with ExitStack() as stack:
        site = stack.enter_context(shop("haproxy"))
        first = site.promote("1.0.0")
        assert first.returncode == 0, first.stdout
        (site.root / "playbooks" / "drill.yaml").write_text(STEPS)
        environ = {**os.environ, "RELEASER_STATE": str(site.root / "state")}
        session = Session.open("production", site.root, environ=environ, by="ada")
        stack.callback(session.close)
        dark: set[str] = set()
        sockets = {
            name.partition(".")[0]: partial(_socket, site.network.machines[name], dark) for name in site.balancers
        }
        seen = stack.enter_context(watched(sockets, "shop"))
        stack.enter_context(site.users(40.0))
        yield Ground(site, seen, session, dark)


def _socket(machine: Machine, dark: Container[str]) -> Path | None:
    return None if machine.name in dark else Path(f"/proc/{machine.pid}/root/run/haproxy/admin.sock")


def drill(at: Ground, kind: Kind, moment: str) -> Drilled:
    """Raises EndedError where no release gets to that moment: a busy machine may take one back before."""
    for _ in range(TRIES - 1):
        with suppress(EndedError):
            return _drill(at, kind, moment)
    return _drill(at, kind, moment)


def _drill(at: Ground, kind: Kind, moment: str) -> Drilled:
    site, stable = at.site, at.stable()
    with site.spawn("promote", at.version(), "-y", "--playbook", "drill") as process:
        told = Telling(process)
        reach(at, told, moment)
        fence = told.of("Acquired")[-1]["fence"]
        since = ACTS[kind](at, process)
        _wait_for(at, stable, since)
        home = {name: at.seen.home(name, stable, since) for name in at.seen.looks}
        refused = all(_refuses(machine, fence) for machine in at.machines())
        WAKES[kind](at, process)
        ended = told.ended(PATIENCE)
        forward = sum(one["at"] > since + TIMER for one in told.of("Shifted", urgent=False))
    if kind == "kill -9":
        ended = ended and site.command("recover", "-y").returncode in {0, 3}
    settled = ended and _settled(at, stable)
    seconds = {name: None if back is None else back - since for name, back in home.items()}
    return Drilled(kind, moment, seconds, refused, forward, process.returncode, settled)


def reach(at: Ground, told: Telling, moment: str) -> None:
    """The release is at that moment."""
    routers = len(at.seen.looks)
    if moment == "armed":
        told.until("Armed", PATIENCE, routers)
    elif moment == "first step":
        told.until("Shifted", PATIENCE, routers)
    elif moment == "second step, on one of two":
        told.until("Shifted", PATIENCE, routers + 1)
    else:
        told.until("ApprovalAsked", PATIENCE)
    if moment == "bake":
        at.session.ask(Asked("approve", "ada"), wait=time.sleep)
        told.until("Shifted", PATIENCE, 3 * routers)


def _wait_for(at: Ground, stable: str, since: float) -> None:
    """All of T, and then until both are home or are much too late."""
    time.sleep(max(0.0, since + TIMER + DELTA - time.time()))
    with suppress(RuntimeError):
        eventually(lambda: all(at.seen.home(name, stable, since) for name in at.seen.looks), 10 * TIMER, "home")


def _refuses(machine: Machine, fence: int) -> bool:
    """Whether that load balancer refuses a write under the fence of the release: of nothing, so that it could do no harm."""
    asked = {"state": STATE, "fence": fence, "split": [], "generation": 10**9, "write": [], "look": []}
    done = subprocess.run(
        machine.inside(*GUARD, "router.write"), input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    answer: Mapping[str, Any] = json.loads(done.stdout)
    return bool(answer.get("error", {}).get("kind") == "fenced")


def _settled(at: Ground, stable: str) -> bool:
    status = at.site.answer("status")["status"][0]
    serving = all(set(at.seen.now(name) or {}) == {stable} for name in at.seen.looks)
    return serving and status["holder"] is None and all(one["armed_left"] is None for one in status["routers"].values())


def releaser_of(process: "subprocess.Popen[str]") -> int:
    """The process on the laptop: the one that we started is only the door."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(child)


def _kill(at: Ground, process: "subprocess.Popen[str]") -> float:
    os.kill(releaser_of(process), signal.SIGKILL)
    return time.time()


def _sleep(at: Ground, process: "subprocess.Popen[str]") -> float:
    os.kill(releaser_of(process), signal.SIGSTOP)
    return time.time()


def _wake(at: Ground, process: "subprocess.Popen[str]") -> None:
    for pid in (releaser_of(process), process.pid):  # nsenter stops with its child
        os.kill(pid, signal.SIGCONT)


def _part(at: Ground, process: "subprocess.Popen[str]") -> float:
    at.site.network.laptop.run("nft", PORT_22)
    return time.time()


def _heal(at: Ground, process: "subprocess.Popen[str]") -> None:
    at.site.network.laptop.run("nft", "delete table inet drill")


def _cut_power(at: Ground, process: "subprocess.Popen[str]") -> float:
    """Of the second load balancer. It comes back in another boot, and starts what its units would start: the guard, then HAProxy."""
    site, machine = at.site, at.site.machine("lb2")
    at.dark.add(machine.name)
    machine.off()
    (machine.folder / "srv/shop/.releaser/router/boot_id").write_text(f"boot {time.time()}\n")
    _plug_in(site, machine)
    machine.run("mkdir", "-p", "/run/haproxy")
    back = time.time()
    at.dark.clear()
    asked = json.dumps({"state": STATE}).encode()
    subprocess.run(machine.inside(*GUARD, "switch.guard"), input=asked, check=True, capture_output=True)
    machine.start("haproxy", *site.kind.argv)
    return back


def _plug_in(site: Shop, machine: Machine) -> None:
    """Its old cable takes the kernel a moment to take away. The new one has an address of its own, and everybody is told."""
    port = f"p{machine.address.rpartition('.')[2]}"
    eventually(lambda: port not in site.network.laptop.run("ip", "-brief", "link"), 20, "the old cable is gone")
    site.network.laptop.run("ip", "neigh", "flush", "all")
    site.network.plug_in(machine)


def _nothing(at: Ground, process: "subprocess.Popen[str]") -> None:
    """It is dead, or it was never disturbed itself."""


Act = Callable[[Ground, "subprocess.Popen[str]"], float]
ACTS: Mapping[str, Act] = {"kill -9": _kill, "sleep": _sleep, "partition": _part, "power-off": _cut_power}
WAKES: Mapping[str, Callable[[Ground, "subprocess.Popen[str]"], None]] = {
    "kill -9": _nothing, "sleep": _wake, "partition": _heal, "power-off": _nothing,
}  # fmt: skip
