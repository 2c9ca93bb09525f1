"""The router of a local environment: releaser runs it itself, and it is a release like any other.

Its directory of files is an artifact of its own, placed in a slot and kept running by the same supervisor as every
application. So a stranger on its port is refused by name, and kill -9 of the command line changes nothing for users.
"""

import shlex
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.adapters.routers.dialect import Dialect
from releaser.adapters.routers.managed import lay_out, managed
from releaser.core.values import Release, Slot
from releaser.errors import FailedError
from releaser.shell import Shell

__all__ = ["LocalRouter"]

READY_WITHIN = 15.0
FENCE = 1
"""The router's own home has one writer, whoever comes; its slots are never shifted."""


class LocalRouter:
    """One managed router below `directory`, on this machine."""

    def __init__(self, options: Any, directory: Path, ports: Mapping[Slot, int], shell: Shell) -> None:
        self.directory = directory
        self.shell = shell
        self.listen = int(options.listen)
        self.managed = managed(options, directory / "files", ports)

    @property
    def dialect(self) -> Dialect:
        return self.managed.dialect

    def ensure(self) -> None:
        """Start it if it does not run, and wait until it answers. Safe to repeat. Raises FailedError or RefusedError."""
        lay_out(self.managed)
        target, release = self._target(), self._release()
        running = [slot for slot in target.inspect(within=5.0) if slot.slot == "blue" and slot.running]
        if not running:
            target.place(release, fence=FENCE, within=30.0)
            target.start(release, "blue", fence=FENCE, within=30.0)
        again = Retrying(
            stop=stop_after_delay(READY_WITHIN),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(FailedError),
            reraise=True,
        )
        again(self._answers)

    def _answers(self) -> None:
        self.shell.call("router.read", {"look": list(self.managed.ready)}, within=5.0)

    def _release(self) -> Release:
        files = {**self.managed.fresh, "argv": shlex.join(self.managed.argv)}
        digest = sha256(repr(sorted(files.items())).encode()).hexdigest()
        return Release.of(self.managed.kind, artifact_at(self._artifact()).digest, digest)

    def _artifact(self) -> Path:
        """A release needs an artifact; this one says what it is."""
        place = self.directory / "artifact"
        place.mkdir(parents=True, exist_ok=True)
        (place / "README").write_text(f"The {self.managed.kind} that releaser runs for this environment.\n")
        return place

    def _target(self) -> HostsTarget:
        options = HostsOptions.model_validate(
            {
                "hosts": [self.shell.name],
                "path": str(self.directory / "home"),
                "run": {"command": shlex.join(self.managed.argv)},
                "ports": {"blue": self.listen, "green": self.listen + 1 if self.listen < 65535 else self.listen - 1},
            }
        )
        return HostsTarget("router", options, {self.shell.name: self.shell}, artifact_at(self._artifact()))
