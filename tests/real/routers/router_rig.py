"""A real router in front of real applications, everything on loopback, everything ended with the test."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.envoy import EnvoyOptions
from releaser.adapters.routers.haproxy import HAProxyOptions
from releaser.adapters.routers.managed import lay_out, managed
from releaser.adapters.routers.managed_kinds import Kind, ManagedRouter
from releaser.adapters.routers.managed_program import binary
from releaser.adapters.routers.nginx import NginxOptions
from releaser.adapters.routers.traefik import TraefikOptions
from releaser.core.values import Binding, Counts, Slot, Split
from releaser.errors import ConfigError
from releaser.onhost import recipe
from releaser.onhost.answers import Refusal
from releaser.ports import RouterState
from releaser.testing import app
from releaser.testing.free_ports import free_ports

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BINDING: Binding = (("blue", OLD), ("green", NEW))
VERSIONS = {OLD: "1.4.1", NEW: "1.4.2"}
PATIENCE = 20.0
KINDS: tuple[Kind, ...] = ("envoy", "haproxy", "nginx", "traefik")
OPTIONS = {"envoy": EnvoyOptions, "haproxy": HAProxyOptions, "nginx": NginxOptions, "traefik": TraefikOptions}


def free_port() -> int:
    (port,) = free_ports(1)
    return port


class Rig:
    """One managed router and up to two applications."""

    def __init__(self, kind: Kind, directory: Path) -> None:
        self.directory = directory
        self.listen = free_port()
        self.ports: dict[Slot, int] = {"blue": free_port(), "green": free_port()}
        self.router: ManagedRouter = managed(
            OPTIONS[kind](managed=True, listen=self.listen, timeout="2s"), directory / "router", self.ports
        )
        self._router_process: subprocess.Popen[bytes] | None = None
        self._apps: dict[Slot, subprocess.Popen[bytes]] = {}

    @property
    def sees_active(self) -> bool:
        """nginx and Traefik count what has ended, not what is under way."""
        return self.router.kind in {"envoy", "haproxy"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listen}/"

    def start(self) -> None:
        lay_out(self.router)
        with (self.directory / "router.log").open("ab") as log:
            self._router_process = subprocess.Popen(self.router.argv, stdout=log, stderr=log, start_new_session=True)
        self._eventually(self.router.ready)

    def kill_router(self) -> None:
        """kill -9 of all of it, as its supervisor does: nginx's workers would serve on without their master."""
        if self._router_process is not None:
            os.killpg(self._router_process.pid, signal.SIGKILL)
            self._router_process.wait()

    def serve(self, slot: Slot, *options: str, version: str = "") -> Path:
        """Start the application of a slot; its log."""
        log = self.directory / f"{slot}.log"
        release = dict(BINDING)[slot]
        command = [sys.executable, "-I", app.__file__, "--port", str(self.ports[slot]), "--log", str(log)]
        self._apps[slot] = subprocess.Popen([*command, "--version", version or VERSIONS[release], *options])
        url = f"http://127.0.0.1:{self.ports[slot]}/healthz"
        self._eventually(({"do": "http", "url": url, "expect": "version", "within": PATIENCE},))
        return log

    def end(self, slot: Slot) -> None:
        self._apps[slot].kill()
        self._apps[slot].wait()

    def stop(self) -> None:
        self.kill_router()
        for slot in self._apps:
            self.end(slot)

    def write(self, weights: Mapping[str, int], generation: int, binding: Binding = BINDING) -> RouterState:
        dialect = self.router.dialect
        self.run(dialect.write(Split.of(weights), binding, generation))
        return dialect.parse(self.run(dialect.look(generation)), binding)

    def read(self, binding: Binding = BINDING) -> RouterState:
        return self.router.dialect.parse(self.run(self.router.dialect.look()), binding)

    def count(self) -> Mapping[str, Counts]:
        return self.router.dialect.tally(self.run(self.router.dialect.count()), BINDING)

    def get(self, headers: Mapping[str, str] | None = None) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.listen, timeout=PATIENCE)
        try:
            connection.request("GET", "/", headers={"connection": "close", **(headers or {})})
            response = connection.getresponse()
            response.read()
            return response
        finally:
            connection.close()

    def run(self, operations: Recipe) -> list[str]:
        return recipe.run([dict(operation) for operation in operations], time.monotonic() + PATIENCE)

    def _eventually(self, operations: Recipe) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.run(operations)
            except Refusal:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return


def opened(kind: Kind) -> Iterator[Rig]:
    """A rig that ends with the test. Both routers are there in CI; elsewhere one may be missing."""
    try:
        binary(kind)
    except ConfigError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(missing.message)
    directory = Path(tempfile.mkdtemp(prefix="rig"))  # short: HAProxy's socket is below it
    found = Rig(kind, directory)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(directory)
