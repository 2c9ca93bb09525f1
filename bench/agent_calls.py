"""What does one verb of the agent cost on this machine, in time and in CPU, beside a Python that does nothing?"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.figures import Figure, quantile
from bench.place import place
from releaser.shell import LocalShell
from releaser.shell.scripts import agent_argv, agent_bytes

TARGET = 40.0
"""Milliseconds a call."""


def measure(*, quick: bool) -> list[Figure]:
    times = 15 if quick else 60
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    floor_wall, floor_cpu = _medians(partial(subprocess.run, bare, check=True), times)
    figures = []
    with place() as here, closing(here.session()) as session:
        (site,), (target,) = session.world.sites.values(), session.world.targets.values()
        binding = tuple(sorted(site.ledger.read(within=5.0).slots.items()))
        verbs: dict[str, Callable[[], object]] = {
            "ledger.read": partial(site.ledger.read, within=5.0),
            "ledger.edit": partial(site.ledger.edit, {"taken": []}, within=5.0),
            "router.read": partial(site.router.read, binding, within=5.0),
            "target.inspect": partial(target.inspect, within=5.0),
            "batch (the three readings of a look)": session.observe,
        }
        how = f"real, median of {times}, warm; floor: python -I -S -c pass"
        for verb, call in verbs.items():
            call()
            wall, cpu = _medians(call, times)
            figures.append(Figure(f"agent {verb}, wall", wall, "ms", TARGET, floor_wall, how))
            figures.append(Figure(f"agent {verb}, CPU", cpu, "ms", TARGET, floor_cpu, how))
    return [*figures, *_first_and_packed(times)]


def _first_and_packed(times: int) -> list[Figure]:
    """The first call on a host has to place the agent; a packed agent is what it was before it was laid out."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        request = {"state": str(root / "state")}
        cold = [_spent(partial(LocalShell(root / str(n)).call, "ledger.read", request, within=30.0)) for n in range(5)]
        packed = root / "agent.pyz"
        packed.write_bytes(agent_bytes())
        argv = agent_argv(sys.executable, str(packed), "ledger.read")
        asked = f'{{"state": "{root}/state"}}'.encode()
        run = partial(subprocess.run, argv, input=asked, stdout=subprocess.DEVNULL, check=True)
        wall, cpu = _medians(run, times)
    first = quantile([one[0] for one in cold], 0.5)
    return [
        Figure("agent ledger.read, cold: placed, compiled, run", first, "ms", how="real, median of 5"),
        Figure("agent ledger.read as a packed file, wall", wall, "ms", how="real: compiled in every process again"),
        Figure("agent ledger.read as a packed file, CPU", cpu, "ms", how="the same"),
    ]


def _medians(call: Callable[[], object], times: int) -> Sequence[float | None]:
    """Wall and CPU milliseconds."""
    spent = [_spent(call) for _ in range(times)]
    return [quantile([one[index] for one in spent], 0.5) for index in (0, 1)]


def _spent(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of wall time, and of CPU by the children: their own account, so that other work does not count."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    call()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall * 1000, cpu * 1000
