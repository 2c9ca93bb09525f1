"""How does one order to a target become the same order to each of its hosts? The port Target over one shell a host."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from releaser.adapters.hosts.fleet import Answers, ask, expect, sorted_out
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.slot_states import slot_states
from releaser.core.values import Release, Slot
from releaser.ports import SlotState
from releaser.shell import Shell
from releaser.shell.questions import Question, Trouble

if TYPE_CHECKING:
    from releaser.adapters.hosts.artifact import Artifact
    from releaser.adapters.hosts.package import Package

__all__ = ["HostsTarget", "LogPart"]

T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogPart:
    """Some lines of one host's slot, and where to go on from: ask again with the cursor to follow."""

    lines: tuple[str, ...]
    cursor: str


class HostsTarget:
    """Implements ports.Target. `env` holds resolved values, secrets among them: they go to each host's 0600 file only.

    `artifact` may be missing where only releases are used that are placed already.
    """

    Options: ClassVar = HostsOptions

    def __init__(
        self,
        name: str,
        options: HostsOptions,
        shells: Mapping[str, Shell],
        artifact: "Artifact | None" = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.options = options
        self._shells = {host.name: shells[host.name] for host in options.hosts}
        self._artifact = artifact
        self._env = {host.name: {**(env or {}), **host.env} for host in options.hosts}

    def inspect(self, *, within: float) -> tuple[SlotState, ...]:
        def one(host: str, shell: Shell, left: float) -> Json:
            return shell.call("target.inspect", self._slots(host), within=left)

        return slot_states(self._ask(one, within))

    def questions(self) -> tuple[Question[Json], ...]:
        """`inspect` as a question to each host; `slots_of` takes their answers in the same order."""
        return tuple(Question(shell, "target.inspect", self._slots(host), dict) for host, shell in self._shells.items())

    def slots_of(self, answers: Sequence[Json | Trouble]) -> tuple[SlotState, ...]:
        return slot_states(sorted_out(self._shells, answers))

    def place(self, release: Release, *, fence: int, within: float) -> None:
        from tempfile import (
            TemporaryDirectory,  # here, both: archives and compressors, of which no other order needs any
        )

        from releaser.adapters.hosts.package import Package

        with TemporaryDirectory(prefix="releaser-") as packing:
            package = Package(self._artifact, release, Path(packing))

            def one(host: str, shell: Shell, left: float) -> Json:
                return self._place(host, shell, package, fence, left)

            self._expect(f"place {release.id}", self._ask(one, within))

    def start(self, release: Release, slot: Slot, *, fence: int, within: float) -> None:
        def one(host: str, shell: Shell, left: float) -> Json:
            order: Json = {"release": release.id, "artifact": release.artifact, "slot": slot, "host": host}
            order |= {"port": self.options.ports_of(host)[slot], "drain": self.options.drain}
            return shell.call("target.start", self._order(fence, order), within=left)

        self._expect(f"start {release.id} in {slot}", self._ask(one, within))

    def stop(self, release: str, slot: Slot, *, fence: int, after: float, within: float) -> None:
        """Each host's supervisor sees to it; what is under way then has `fleet.drain` seconds to end."""

        def one(_: str, shell: Shell, left: float) -> Json:
            order = {"release": release, "slot": slot, "drain": self.options.drain, "after": after}
            return shell.call("target.stop", self._order(fence, order), within=left)

        self._expect(f"stop {release} in {slot}", self._ask(one, within))

    def adopt(self, release: str, slot: Slot, *, fence: int, within: float) -> Mapping[str, str]:
        """Record what serves on the slot's port as `release`, untouched. Safe to repeat. Returns host -> "pid command"."""

        def one(host: str, shell: Shell, left: float) -> Json:
            order: Json = {"release": release, "slot": slot, "port": self.options.ports_of(host)[slot]}
            order["unit"] = self.options.run.unit()
            return shell.call("target.adopt", self._order(fence, order), within=left)

        answers = self._expect(f"adopt {release} in {slot}", self._ask(one, within))
        return {host: f"{answer['pid']} {answer['command']}" for host, answer in answers.items()}

    def collect(self, current: str, keep: Sequence[str] | None, *, fence: int, within: float) -> Sequence[str]:
        """The link `current`, the enabled unit and releases/ of each host. What a slot holds, or a process runs, stays in any case."""

        def one(_: str, shell: Shell, left: float) -> Json:
            order = {"current": current, "keep": None if keep is None else [*keep]}
            return shell.call("target.collect", self._order(fence, order), within=left)

        answers = self._expect("collect old releases", self._ask(one, within))
        return sorted({release for answer in answers.values() for release in answer["removed"]})

    def logs(
        self,
        slot: Slot,
        *,
        lines: int = 100,
        release: str | None = None,
        cursors: Mapping[str, str] | None = None,
        within: float,
    ) -> tuple[Mapping[str, LogPart], Mapping[str, str]]:
        """The last lines of each host's slot (with `release` only its own), or those since its cursor; and host -> why there are none."""

        def one(host: str, shell: Shell, left: float) -> LogPart:
            order: Json = {"path": self.options.path, "slot": slot, "lines": lines, "release": release}
            order["cursor"] = (cursors or {}).get(host)
            answer = shell.call("target.logs", order, within=left)
            return LogPart(tuple(answer["lines"]), answer["cursor"])

        answers = self._ask(one, within)
        return answers.good, {host: error.message for host, error in answers.bad.items()}

    def _place(self, host: str, shell: Shell, package: "Package", fence: int, within: float) -> Json:
        """Ask first: what is placed and whole needs no upload."""
        release, until = package.release, monotonic() + within
        order = self._order(fence, {"release": release.id, "version": release.version, "artifact": release.artifact})
        order["unit"] = self.options.run.unit()
        ready = shell.call("target.prepare", order | {"size": package.size()}, within=within)
        if ready["placed"]:
            return ready
        packed = package.packed()
        shell.put(packed.file, ready["incoming"], within=max(0.0, until - monotonic()))
        order |= {"incoming": ready["incoming"], "package": packed.digest, "kind": packed.kind}
        order |= {"shared": self.options.shared, "run": self.options.run.command, "env": self._env[host]}
        return shell.call("target.place", order, within=max(0.0, until - monotonic()))

    def _slots(self, host: str) -> Json:
        return {"path": self.options.path, "ports": self.options.ports_of(host)}

    def _order(self, fence: int, order: Json) -> Json:
        return {"path": self.options.path, "fence": fence, **order}

    def _ask(self, order: Callable[[str, Shell, float], T], within: float) -> Answers[T]:
        return ask(self._shells, order, parallel=self.options.parallel, within=within)

    def _expect(self, what: str, answers: Answers[T]) -> Mapping[str, T]:
        options = self.options
        return expect(
            f"{self.name}: {what}", answers, max_failed=options.max_failed, max_unreachable=options.max_unreachable
        )
