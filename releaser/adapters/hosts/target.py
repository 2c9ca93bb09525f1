"""How does one order to a target become the same order to each of its hosts? The port Target over one shell a host."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from releaser.adapters.hosts.fleet import Answers, ask, expect, going_without, sorted_out
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.progress import Progress
from releaser.adapters.hosts.slot_states import slot_states
from releaser.core.absent import Missing
from releaser.core.values import Release, Slot
from releaser.errors import FencedError, UnreachableError
from releaser.ports import SlotState
from releaser.shell import Shell
from releaser.shell.questions import Question, Trouble

if TYPE_CHECKING:
    from releaser.adapters.hosts.artifact import Artifact
    from releaser.adapters.hosts.package import Package

__all__ = ["HostsTarget", "LogPart"]

T = TypeVar("T")
Json = dict[str, Any]
Kept = Literal["file", "sealed", "memory"]
"""How a host keeps the variables of its releases, secrets among them: in memory they are gone when it restarts."""


@dataclass(frozen=True, slots=True)
class LogPart:
    """Some lines of one host's slot, and where to go on from: ask again with the cursor to follow."""

    lines: tuple[str, ...]
    cursor: str


class HostsTarget:
    """Implements ports.Target. `env` holds resolved values, secrets among them: they go to each host's 0600 file only,
    sealed with the host's own key, or into its memory (`kept`).

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
        kept: Kept = "file",
        progress: Progress | None = None,
    ) -> None:
        self.name = name
        self.options = options
        self._shells = {host.name: shells[host.name] for host in options.hosts}
        self._artifact = artifact
        self._kept = kept
        self._progress = progress or Progress()
        self._common = dict(env or {})
        self._env = {host.name: {**self._common, **host.env} for host in options.hosts}

    def names(self) -> tuple[str, ...]:
        return tuple(self._shells)

    def only(self, hosts: Collection[str]) -> "HostsTarget":
        """The same target, cut down to some of its hosts."""
        chosen = tuple(host for host in self.options.hosts if host.name in hosts)
        options = self.options.model_copy(update={"hosts": chosen})
        return HostsTarget(self.name, options, self._shells, self._artifact, self._common, self._kept, self._progress)

    def inspect(self, *, within: float) -> tuple[SlotState, ...]:
        def one(host: str, shell: Shell, left: float) -> Json:
            return shell.call("target.inspect", self._slots(host), within=left)

        return slot_states(self._ask(one, within))

    def questions(self) -> tuple[Question[Json], ...]:
        """`inspect` as a question to each host; `slots_of` takes their answers in the same order."""
        return tuple(Question(shell, "target.inspect", self._slots(host), dict) for host, shell in self._shells.items())

    def slots_of(self, answers: Sequence[Json | Trouble]) -> tuple[SlotState, ...]:
        return slot_states(sorted_out(self._shells, answers))

    def place(self, release: Release, *, fence: int, within: float) -> tuple[Missing, ...]:
        from tempfile import (
            TemporaryDirectory,  # here, both: archives and compressors, of which no other order needs any
        )

        from releaser.adapters.hosts.package import Package

        with TemporaryDirectory(prefix="releaser-") as packing:
            package = Package(self._artifact, release, Path(packing))

            def one(host: str, shell: Shell, left: float) -> Json:
                return self._place(host, shell, package, fence, left)

            answers = self._watched("placing", one, within)
            self._expect(f"place {release.id}", answers)
            return going_without(answers)

    def start(
        self,
        release: Release,
        slot: Slot,
        *,
        fence: int,
        within: float,
        without: Collection[str] = (),
        lenient: bool = False,
    ) -> tuple[Missing, ...]:
        def one(host: str, shell: Shell, left: float) -> Json:
            order: Json = {"release": release.id, "artifact": release.artifact, "slot": slot, "host": host}
            order |= {"port": self.options.ports_of(host)[slot], "drain": self.options.drain}
            return shell.call("target.start", self._order(fence, order), within=left)

        answers = self._watched("starting", one, within, without)
        if not lenient or not answers.good or any(isinstance(one, FencedError) for one in answers.bad.values()):
            self._expect(f"start {release.id} in {slot}", answers)
        return going_without(answers)

    def put_back(
        self, release: str, slot: Slot, missing: Sequence[Missing], *, fence: int, within: float
    ) -> tuple[Missing, ...]:
        def one(_: str, shell: Shell, left: float) -> Json:
            order = {"release": release, "slot": slot, "drain": self.options.drain}
            return shell.call("target.put_back", self._order(fence, order), within=left)

        chosen = {unready.host: self._shells[unready.host] for unready in missing}
        answers = ask(chosen, one, parallel=self.options.parallel, within=within)
        return tuple(_with_its_words(unready, answers) for unready in missing)

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
            order["unit"] = self._unit()
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

    def rest(self, *, fence: int, within: float) -> Sequence[str]:
        """No boot starts the slots' units: for what was stopped on purpose. Safe to repeat. Returns UNIT on HOST."""

        def one(_: str, shell: Shell, left: float) -> Json:
            return shell.call("target.rest", self._order(fence, {}), within=left)

        answers = self._expect("disable units", self._ask(one, within))
        return [f"{unit} on {host}" for host, answer in answers.items() for unit in answer["disabled"]]

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
        order |= {"unit": self._unit(), "forget": self._kept == "memory"}
        ready = shell.call("target.prepare", order | {"size": package.size()}, within=within)
        if ready["placed"] and (ready["kept"] or self._artifact is None):
            return ready
        if not ready["placed"]:
            packed = package.packed()
            shell.put(packed.file, ready["incoming"], within=max(0.0, until - monotonic()))
            order |= {"incoming": ready["incoming"], "package": packed.digest, "kind": packed.kind}
        order |= {"shared": self.options.shared, "run": self.options.run.command, "env": self._env[host]}
        return shell.call("target.place", order, within=max(0.0, until - monotonic()))

    def _unit(self) -> Mapping[str, Any] | None:
        """What a host is told of its unit; None where a command runs the slots."""
        told = self.options.run.unit()
        return told if told is None or self._kept != "sealed" else {**told, "sealed": True}

    def _slots(self, host: str) -> Json:
        return {"path": self.options.path, "ports": self.options.ports_of(host)}

    def _order(self, fence: int, order: Json) -> Json:
        return {"path": self.options.path, "fence": fence, **order}

    def _watched(
        self, what: str, order: Callable[[str, Shell, float], T], within: float, without: Collection[str] = ()
    ) -> Answers[T]:
        """The same, counted for those who watch."""
        shells = {name: shell for name, shell in self._shells.items() if name not in without}
        self._progress.begin(self.name, what, shells)
        try:
            return ask(
                shells,
                order,
                parallel=self.options.parallel,
                within=within,
                began=partial(self._progress.asked, self.name),
                ended=partial(self._progress.answered, self.name),
            )
        finally:
            self._progress.end(self.name)

    def _ask(self, order: Callable[[str, Shell, float], T], within: float) -> Answers[T]:
        return ask(self._shells, order, parallel=self.options.parallel, within=within)

    def _expect(self, what: str, answers: Answers[T]) -> Mapping[str, T]:
        options = self.options
        return expect(
            f"{self.name}: {what}", answers, max_failed=options.max_failed, max_unreachable=options.max_unreachable
        )


def _with_its_words(unready: Missing, answers: Answers[Json]) -> Missing:
    """What its host says of it now; one that cannot be reached is not to blame on the release."""
    error = answers.bad.get(unready.host)
    if error is None:
        return replace(unready, why=f"{unready.why}; {answers.good[unready.host]['printed']}")
    if isinstance(error, FencedError):
        raise error
    why = f"{unready.why}; it could not be stopped there: {error.message.removeprefix(f'{unready.host}: ')}"
    return replace(unready, how="unreachable" if isinstance(error, UnreachableError) else unready.how, why=why)
