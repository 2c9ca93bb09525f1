"""One environment, opened for one command: what a verb of the command line (and later the server) can do with it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releaser.adapters.clock import BootClock
from releaser.config.environment import Environment, config_digest
from releaser.config.read import load_environment
from releaser.config.tree import Table
from releaser.engine.observe import Observed, observe
from releaser.engine.places import journal_path, shipped
from releaser.engine.registry import Registry, allowed_plugins
from releaser.engine.wiring import Wiring, whoami
from releaser.errors import ConfigError, JournalCorruptError, JournalUnavailableError, UsageError
from releaser.ports import Clock, Notifier, World
from releaser.store.absent import AbsentJournal
from releaser.store.sqlite import SqliteJournal

if TYPE_CHECKING:  # what a verb does is imported when it does it: to read the state takes none of it
    from releaser.adapters.hosts.artifact import Artifact
    from releaser.config.choices import Choice
    from releaser.config.observed import Refusals, Seen, Unchanged, Underway
    from releaser.config.playbook import Playbook
    from releaser.core.events import Asked, Entry
    from releaser.core.plan import Plan
    from releaser.core.rollout import Rollout
    from releaser.core.values import Release
    from releaser.engine.adopt import Adopted
    from releaser.engine.bringing import Brought
    from releaser.engine.resolve import Resolved
    from releaser.store.summaries import Summary

__all__ = ["Session", "Show"]


@dataclass(frozen=True, slots=True)
class Show:
    """Who watches while a release is driven: entries as they are journaled, each turn of the loop, signals."""

    listeners: Sequence[Notifier] = ()
    turned: Callable[..., None] | None = None
    notice: Callable[[str], None] | None = None


@dataclass
class Session:
    """Built by `open`. Everything that costs time (journal, world, artifact) is made when it is first needed."""

    name: str
    environment: Environment
    tree: Table
    folder: Path
    environ: Mapping[str, str]
    registry: Registry
    by: str
    implied: bool = False
    """The name was not given: the first line of the output says it."""
    clock: Clock = field(default_factory=BootClock)

    @classmethod
    def open(
        cls,
        name: str | None,
        folder: Path,
        *,
        environ: Mapping[str, str],
        settings: Sequence[str] = (),
        by: str | None = None,
    ) -> "Session":
        """`folder` holds environments/ and playbooks/. Raises ConfigError or UsageError."""
        registry = Registry.installed(allowed_plugins(environ))
        chosen = name or environ.get("RELEASER_ENV") or _only(folder / "environments")
        environment, tree = load_environment(
            folder / "environments", chosen, registry, variables=environ, settings=settings
        )
        holder = by or environ.get("RELEASER_BY") or whoami(environ)
        return cls(chosen, environment, tree, folder, environ, registry, holder, implied=name is None)

    @cached_property
    def journal(self) -> SqliteJournal:
        """What this machine knows. Raises JournalUnavailableError or JournalCorruptError: no way forward without it."""
        journal = SqliteJournal(journal_path(self.environ))
        if any(journal.path.with_name("spool").glob("*.spool")):
            from releaser.engine.spools import write_back

            with suppress(JournalUnavailableError, JournalCorruptError):
                write_back(journal)
        return journal

    @cached_property
    def journal_or_none(self) -> SqliteJournal | AbsentJournal:
        """The same for the way back, which goes on without it: one that cannot be opened at once is not waited for again."""
        try:
            return self.journal
        except (JournalUnavailableError, JournalCorruptError) as error:
            return AbsentJournal(journal_path(self.environ), str(error))

    def past(self, rollout: str) -> "Sequence[Entry]":
        """A rollout's entries so far; none where the journal cannot be read."""
        try:
            return self.journal_or_none.read(rollout)
        except (JournalUnavailableError, JournalCorruptError):
            return ()

    def journal_head(self) -> tuple[str, int, str] | None:
        """For the ledgers to remember; None where the journal cannot be read."""
        try:
            return self.journal_or_none.head()
        except (JournalUnavailableError, JournalCorruptError):
            return None

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(self.environment, self.registry, self.by, self.folder)

    @cached_property
    def world(self) -> World:
        """Without probes: see carrying.py for one that releases."""
        return replace(self.wiring, probes=False).world(self.journal_head)

    def close(self) -> None:
        """Give back what was opened so far."""
        vars(self).pop("journal_or_none", None)
        vars(self).pop("world", None)
        vars(self).pop("secrets", None)
        if "wiring" in vars(self):
            self.wiring.close()
        journal = vars(self).pop("journal", None)
        if isinstance(journal, SqliteJournal):
            journal.close()

    def observe(self) -> Observed:
        """What every router, ledger and slot says now; nothing is changed and nothing raises for a silent part."""
        return observe(self.world)

    def artifact(self, version: str) -> "Artifact":
        """The artifact of a version, read and digested. Raises ConfigError where it is not there."""
        from releaser.adapters.hosts.artifact import artifact_at
        from releaser.config.templates import fill

        named = fill(self.environment.artifact.file, {"version": version, "app": self.environment.app})
        return artifact_at((self.folder / Path(named).expanduser()).resolve())

    @cached_property
    def secrets(self) -> "Resolved":
        """The application's variables with secrets looked up, once: what is planned is what is placed.

        Raises RefusedError naming the reference that failed.
        """
        from releaser.engine.resolve import resolve

        return resolve(self.environment, self.registry, self.folder, self.environ)

    def release(self, version: str) -> "Release":
        """The identity of a version here: the same on every machine."""
        from releaser.core.values import Release

        artifact, secrets = self.artifact(version).digest, self.secrets.digest
        try:
            return Release.of(version, artifact, config_digest(self.environment), secrets)
        except ValueError as error:
            raise UsageError(str(error), code="version") from error

    def playbook(self, name: str | None = None) -> "Playbook":
        from releaser.config.playbook import load_playbook

        return load_playbook((self.folder / "playbooks", shipped("playbooks")), name or self.environment.playbook)

    def seen(self, observed: Observed) -> "tuple[Seen, ...]":
        return observed.seen({name: self.wiring.finest(name) for name in self.world.sites})

    def plan(
        self,
        version: str,
        *,
        playbook: str | None = None,
        retry_bad: bool = False,
        unfreeze: bool = False,
        stable_is_down: bool = False,
        start: bool = True,
    ) -> "Plan | Refusals | Unchanged | Underway":
        """What would bring `version` here, by what is observed now. Without `start` nothing is started for it: just to look."""
        from releaser.engine.planning import plan_forward

        return plan_forward(
            self,
            version,
            playbook=playbook,
            retry_bad=retry_bad,
            unfreeze=unfreeze,
            stable_is_down=stable_is_down,
            start=start,
        )

    def plan_rollback(
        self,
        *,
        to: str | None = None,
        mark_bad: bool = True,
        freeze: float | None = None,
        calling_off: bool = False,
    ) -> "Plan | Refusals | Unchanged":
        """The way back, by whichever ledgers answer; `calling_off`: to what was there before the release under way."""
        from releaser.engine.planning import plan_back

        return plan_back(self, to=to, mark_bad=mark_bad, freeze=freeze, calling_off=calling_off)

    def choices(self) -> "tuple[Choice, ...]":
        """Where a rollback could go."""
        from releaser.config.choices import choices

        return choices(self.seen(self.observe()))

    def drive(
        self, plan: "Plan", *, reason: str = "", show: Show | None = None, timeout: float | None = None
    ) -> "Rollout":
        """Carry a plan out in this process, to its end."""
        from releaser.engine.carrying import carry

        return carry(self, plan, reason=reason, show=show or Show(), timeout=timeout)

    def recover(self, *, finish: bool = False, reason: str = "", show: Show | None = None) -> "list[Rollout]":
        """Take over every rollout of this environment that is open in the journal and has no living holder."""
        from releaser.engine.carrying import recover

        return recover(self, finish=finish, reason=reason, show=show or Show())

    def abandoned(self) -> "list[Summary]":
        """Open rollouts whose holder no router calls alive."""
        from releaser.engine.carrying import abandoned

        return abandoned(self)

    def clear_the_way(self, show: Show | None = None) -> "list[Rollout]":
        """Take back what a dead process left in the middle: by this journal, else by the ledgers alone."""
        from releaser.engine.carrying import clear_the_way

        return clear_the_way(self, show or Show())

    def bring_back(self, *, wait: Callable[[float], None]) -> "Brought | None":
        """Hosts and routers that were away come to what is committed. None: nothing is."""
        from releaser.engine.bringing import bring_back

        return bring_back(self, wait=wait)

    def narrow(self, hosts: Collection[str]) -> None:
        """From now on this session looks at these hosts of its targets only: nothing may be released with it."""
        targets: dict[str, Any] = dict(self.world.targets)
        kept = {name: target.only(hosts) for name, target in targets.items() if set(target.names()) & set(hosts)}
        self.world = replace(self.world, targets=kept)

    def running(self) -> "Summary | None":
        """The rollout of this environment that is open in this machine's journal."""
        found = self.journal.open_rollouts(self.name)
        return found[-1] if found else None

    def ask(self, asked: "Asked", *, patience: float = 5.0, wait: Callable[[float], None]) -> tuple[str, bool] | None:
        """Put a request to the running release: through the journal on this machine, else through the routers' inboxes.

        Returns (sentence, granted); None: left in an inbox, where it is read within a third of the dead-man's timer.
        """
        from releaser.engine.posting import ask

        return ask(self, asked, patience=patience, wait=wait)

    def logs(self, release: str | None = None, *, follow: bool = False, lines: int = 100) -> Iterator[tuple[str, str]]:
        """The application's own output, (host, line), of the slots that hold `release` (id or version; None: any)."""
        from releaser.engine.logs import follow_logs

        return follow_logs(self.world.targets, release, follow=follow, lines=lines)

    def adopt(self, version: str | None = None) -> "Adopted":
        """Take in what already serves as the stable release; no process is touched and no traffic moved."""
        from releaser.engine.adopt import adopt
        from releaser.engine.carrying import closing_probes
        from releaser.engine.resolve import resolve_headers

        self.wiring.run_local_routers()
        headers = resolve_headers(self.environment, self.registry, self.folder, self.environ)
        with closing_probes(replace(self.wiring, told=headers.told).world(self.journal_head)) as world:
            return adopt(self, world, self.observe(), version)


def _only(folder: Path) -> str:
    """The one environment of the folder, or an error that lists them."""
    names = sorted(path.stem for path in folder.glob("*.yaml") if path.stem != "base")
    if len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError(f"there is no environment in {folder}", fix=("releaser init", "name the folder: --folder"))
    raise UsageError(
        f"which environment? There are {', '.join(names)}", fix=tuple(f"-e {name}" for name in names), code="which"
    )
