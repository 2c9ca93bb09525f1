"""Does anybody lose a request while shares move every second, the router is reloaded, and processes are replaced behind it?

python bench/run.py --only shifts
"""

import shutil
import tempfile
from pathlib import Path

from bench.figures import Figure, quantile
from releaser.adapters.routers.envoy import EnvoyOptions
from releaser.adapters.routers.haproxy import HAProxyOptions
from releaser.adapters.routers.managed_kinds import Options
from releaser.adapters.routers.nginx import NginxOptions
from releaser.adapters.routers.traefik import TraefikOptions
from releaser.testing.free_ports import free_ports
from releaser.testing.load_shifts import Report, shift_under_load

RATE = 400.0
SECONDS = 60.0
RELOADED = ("haproxy", "nginx")
KINDS: dict[str, type[Options]] = {
    "haproxy": HAProxyOptions,
    "envoy": EnvoyOptions,
    "traefik": TraefikOptions,
    "nginx": NginxOptions,
}


def measure(*, quick: bool) -> list[Figure]:
    seconds = 10.0 if quick else SECONDS
    figures = []
    for kind in KINDS:
        # A reload closes connections that idle, and loses what is just being sent on one: there both are measured.
        figures += _figures(kind, 1.0 if kind in RELOADED else 0.2, seconds, target=0)
    return [*figures, *(one for kind in RELOADED for one in _figures(kind, 0.2, seconds, target=None))]


def _figures(kind: str, fresh: float, seconds: float, *, target: float | None) -> list[Figure]:
    report = _measured(kind, fresh, seconds)
    kept = "every request on a connection of its own" if fresh == 1.0 else "four of five requests on kept connections"
    done = f"{report.shifts} shifts, {report.reloads} reloads, {report.replaced} processes replaced"
    how = f"real, of {len(report.sent)} at {RATE:.0f} req/s in {seconds:.0f} s; {done}; {kept}"
    name = kind if fresh != 1.0 and target is not None else f"{kind}, {'fresh' if fresh == 1.0 else 'kept'} connections"
    waited = [one.latency * 1000 for one in report.sent if one.status is not None]
    return [
        Figure(f"{name}: requests failed by us in shifts, reloads and replacements", len(report.failed_by_us), "", target, None, how),
        Figure(f"{name}: answers that the application's log does not know", len(report.unlogged), "", 0, None, how),
        Figure(f"{name}: latency meanwhile, p99", quantile(waited, 0.99), "ms", None, None, how),
    ]  # fmt: skip


def _measured(kind: str, fresh: float, seconds: float) -> Report:
    blue, green, listen = free_ports(3)
    directory = Path(tempfile.mkdtemp(prefix="rb-"))  # short: HAProxy's socket is below it
    try:
        options = KINDS[kind](managed=True, listen=listen)
        return shift_under_load(
            options, directory, {"blue": blue, "green": green}, rate=RATE, seconds=seconds, fresh=fresh
        )
    finally:
        shutil.rmtree(directory)
