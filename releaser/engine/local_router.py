"""The router of a local environment: releaser runs it itself, and it is a release like any other.

Its directory of files is an artifact of its own, placed in a slot and kept running by the same supervisor as every
application. So a stranger on its port is refused by name, and kill -9 of the command line changes nothing for users.
"""

import shlex
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.adapters.routers.dialect import Dialect
from releaser.adapters.routers.managed import lay_out, managed
from releaser.core.values import Release, Slot
from releaser.errors import FailedError, RefusedError
from releaser.shell import Shell

__all__ = ["LocalRouter"]

READY_WITHIN = 15.0
STOPPED_WITHIN = 15.0
POLL = 0.1
DRAIN = 5.0
"""Seconds that its open connections have when it is stopped."""
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

    def stands_still(self) -> bool:
        """Whether nobody runs it; changes nothing. Raises RefusedError where a stranger holds its port."""
        look = {"path": str(self._home), "ports": {"blue": self.listen}}
        slot = self.shell.call("target.inspect", look, within=5.0)["slots"]["blue"]
        if slot["stranger"]:
            raise RefusedError(
                f"port {self.listen}, where users are to reach the application, is taken by {slot['stranger']}, "
                "which releaser did not start",
                code="port-taken",
                fix=("stop that process", "or name another port for the `router` of the environment"),
            )
        return str(slot["state"]) in ("empty", "stopped")

    def ensure(self) -> None:
        """Start it if it does not run, and wait until it answers. Safe to repeat. Raises FailedError or RefusedError."""
        still = self.stands_still()
        try:
            lay_out(self.managed)
        except OSError as error:
            raise FailedError(
                f"the files of the router at port {self.listen} cannot be written to {self.directory}: {error.strerror}",
                code="router-files",
                fix=("free some room there, or let this user write there",),
            ) from error
        if still:
            target, release = self._target(), self._release()
            target.place(release, fence=FENCE, within=30.0)
            target.start(release, "blue", fence=FENCE, within=30.0)
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed  # here: it takes 30 ms

        again = Retrying(
            stop=stop_after_delay(READY_WITHIN),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(FailedError),
            reraise=True,
        )
        again(self._answers)

    def stop(self) -> bool:
        """Stop it and wait until it has ended; False: it did not run. Safe to repeat."""
        if self.stands_still():
            return False
        target, release = self._target(), self._held()
        target.stop(release, "blue", fence=FENCE, after=0.0, within=5.0)
        until = monotonic() + STOPPED_WITHIN
        while not self.stands_still():
            if monotonic() > until:
                raise FailedError(f"the router at port {self.listen} did not end within {STOPPED_WITHIN:g} s")
            sleep(POLL)
        return True

    def _held(self) -> str:
        found = self.shell.call("target.inspect", {"path": str(self._home)}, within=5.0)["slots"]["blue"]["release"]
        return str(found)

    @property
    def _home(self) -> Path:
        return self.directory / "home"

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
                "path": str(self._home),
                "run": {"command": shlex.join(self.managed.argv)},
                "drain": DRAIN,
                "ports": {"blue": self.listen, "green": self.listen + 1 if self.listen < 65535 else self.listen - 1},
            }
        )
        return HostsTarget("router", options, {self.shell.name: self.shell}, artifact_at(self._artifact()))
