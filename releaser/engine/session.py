"""One environment, opened for one command: what a verb of the command line (and later the server) can do with it."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from releaser.adapters.clock import BootClock
from releaser.adapters.hosts.artifact import Artifact, artifact_at
from releaser.config.compile import compile_promotion
from releaser.config.compile_back import Choice, choices, compile_rollback
from releaser.config.environment import Environment, config_digest
from releaser.config.observed import Refusals, Seen, Unchanged, Underway
from releaser.config.playbook import Playbook, load_playbook
from releaser.config.read import load_environment, read_resolved
from releaser.config.templates import fill
from releaser.config.tree import Table
from releaser.core import events as e
from releaser.core.plan import Budget, Plan, Undo
from releaser.core.rollout import Rollout
from releaser.core.values import Release
from releaser.engine.adopt import Adopted, adopt
from releaser.engine.drive import Driver
from releaser.engine.logs import follow_logs
from releaser.engine.observe import Observed, observe
from releaser.engine.places import journal_path, shipped
from releaser.engine.recover import take_over
from releaser.engine.registry import Registry
from releaser.engine.resolve import Resolved, resolve
from releaser.engine.spools import write_back
from releaser.engine.wiring import Wiring, whoami
from releaser.errors import (
    ConfigError,
    FailedError,
    JournalCorruptError,
    JournalUnavailableError,
    RefusedError,
    UsageError,
)
from releaser.ports import Clock, Frozen, LedgerState, Notifier, Request, World
from releaser.store.absent import AbsentJournal
from releaser.store.sqlite import SqliteJournal
from releaser.store.summaries import Summary

__all__ = ["Session", "Show"]


@runtime_checkable
class Closeable(Protocol):
    """What holds something open."""

    def close(self) -> None: ...


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
        registry = Registry.installed(_allowed(environ))
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

    def past(self, rollout: str) -> Sequence[e.Entry]:
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
        return self.wiring.world(self.journal_head)

    def close(self) -> None:
        """Give back files and connections that were opened so far."""
        vars(self).pop("journal_or_none", None)
        for name in ("journal", "world"):
            opened = vars(self).pop(name, None)
            if isinstance(opened, SqliteJournal):
                opened.close()
            elif opened is not None:
                close_probes(opened)

    def observe(self) -> Observed:
        """What every router, ledger and slot says now; nothing is changed and nothing raises for a silent part."""
        return observe(self.world)

    def artifact(self, version: str) -> Artifact:
        """The artifact of a version, read and digested. Raises ConfigError where it is not there."""
        named = fill(self.environment.artifact.file, {"version": version, "app": self.environment.app})
        return artifact_at((self.folder / Path(named).expanduser()).resolve())

    def secrets(self) -> Resolved:
        """The application's variables with secrets looked up. Raises ConfigError naming the reference that failed."""
        return resolve(self.environment, self.registry, self.folder, self.environ)

    def release(self, version: str) -> Release:
        """The identity of a version here: the same on every machine."""
        try:
            return Release.of(
                version, self.artifact(version).digest, config_digest(self.environment), self.secrets().digest
            )
        except ValueError as error:
            raise UsageError(str(error), code="version") from error

    def playbook(self, name: str | None = None) -> Playbook:
        return load_playbook((self.folder / "playbooks", shipped("playbooks")), name or self.environment.playbook)

    def seen(self, observed: Observed) -> tuple[Seen, ...]:
        return observed.seen({name: self.wiring.finest(name) for name in self.world.sites})

    def plan(
        self,
        version: str,
        *,
        playbook: str | None = None,
        retry_bad: bool = False,
        unfreeze: bool = False,
        stable_is_down: bool = False,
    ) -> Plan | Refusals | Unchanged | Underway:
        """What would bring `version` here, by what is observed now."""
        chosen, release = self.playbook(playbook), self.release(version)
        self.wiring.run_local_routers()
        observed = self.observe()
        self.check_journal(observed)
        return compile_promotion(
            self.environment,
            chosen,
            release,
            self.seen(observed),
            undo=self.measured_undo(),
            stable_is_down=stable_is_down,
            retry_bad=retry_bad,
            unfreeze=unfreeze,
        )

    def plan_rollback(
        self, *, to: str | None = None, mark_bad: bool = True, freeze: float | None = None
    ) -> Plan | Refusals | Unchanged:
        """The way back, by whichever ledgers answer."""
        observed = self.observe()
        running = observed.running() if observed.slots else None
        return compile_rollback(
            self.environment,
            self.seen(observed),
            to=to,
            mark_bad=mark_bad,
            freeze=freeze,
            running=running,
            budget=self._rollback_budget(),
        )

    def _rollback_budget(self) -> Budget | None:
        """As the environment's playbook states it; a playbook that cannot be read stops no rollback."""
        try:
            limits = self.playbook().budget
        except ConfigError:
            return None
        return Budget(limits.step, limits.release, limits.rollback, limits.deadman)

    def choices(self) -> tuple[Choice, ...]:
        """Where a rollback could go."""
        return choices(self.seen(self.observe()))

    def check_journal(self, observed: Observed) -> None:
        """Nothing goes forward on a journal that was edited, cut or is not the one that a ledger vouches for."""
        problems = self.journal.verify()
        for ledger in observed.ledgers.values():
            if ledger.journal is not None:
                self.journal.check_against(*ledger.journal)
        if problems:
            raise RefusedError(
                f"the journal {self.journal.path} is damaged: {problems[0]}",
                code="journal",
                fix=("releaser audit verify", "restore a backup; a rollback needs no journal"),
            )

    def measured_undo(self) -> Undo | None:
        """How long the way back took the last time it was rehearsed or walked here."""
        for summary in self.journal.rollouts(self.name, limit=10):
            entries = self.journal.read(summary.rollout)
            measured = [(s.event.seconds, s.moment.wall) for s in entries if isinstance(s.event, e.Rehearsed)]
            if measured:
                seconds, wall = max(measured)
                return Undo(seconds, wall, warm=True)
        return None

    def drive(self, plan: Plan, *, reason: str = "", show: Show | None = None, timeout: float | None = None) -> Rollout:
        """Carry a plan out in this process, to its end."""
        opened = e.Opened(plan, self.by, reason)
        with closing_probes(self._world_for(plan)) as world:
            journal = self.journal if plan.kind == "promote" else self.journal_or_none
            return self._driver(journal, world, show, timeout).start(new_rollout(plan.to.version), opened)

    def recover(self, *, finish: bool = False, reason: str = "", show: Show | None = None) -> list[Rollout]:
        """Take over every rollout of this environment that is open in the journal and has no living holder."""
        done = []
        for summary in self.abandoned():
            state = take_over(self.journal, summary.rollout)
            frozen = (
                read_resolved(json.loads(state.plan.config), self.registry) if state.plan.config else self.environment
            )
            wiring = Wiring(frozen, self.registry, self.by, self.folder)
            with closing_probes(wiring.world(self.journal_head)) as world:
                driver = self._driver(self.journal, world, show, None)
                done.append(driver.take_over(state, by=self.by, finish=finish, reason=reason))
        return done

    def abandoned(self) -> list[Summary]:
        """Open rollouts whose holder no router calls alive. While no router answers nobody can say, so there are none."""
        ledgers = self.observe().ledgers.values()
        if not ledgers:
            return []
        alive = {ledger.holder.rollout for ledger in ledgers if ledger.holder and ledger.holder.left > 0}
        dead = [summary for summary in self.journal.open_rollouts(self.name) if summary.rollout not in alive]
        return [summary for summary in dead if not self._just_begun(summary)]

    def _just_begun(self, summary: Summary) -> bool:
        """It has not taken a router yet and may be about to: its process is given the time of a lease."""
        state = take_over(self.journal, summary.rollout)
        now = self.clock.moment()
        return not state.fence and state.boot == now.boot and now.at - state.opened < state.plan.budget.deadman

    def clear_the_way(self, show: Show | None = None) -> list[Rollout]:
        """Take back what a dead process left in the middle: by this journal, else by the ledgers alone. Changes nothing else."""
        done = self.recover(reason="a new release needs the way free", show=show)
        ledgers = self.observe().ledgers.values()
        if any(state.candidate is not None and not (state.holder and state.holder.left > 0) for state in ledgers):
            plan = self.plan_rollback(mark_bad=False, freeze=0.0)
            if isinstance(plan, Plan):
                done.append(self.drive(plan, reason="a release was left in the middle", show=show))
        return done

    def running(self) -> Summary | None:
        """The rollout of this environment that is open in this machine's journal."""
        found = self.journal.open_rollouts(self.name)
        return found[-1] if found else None

    def ask(self, asked: e.Asked, *, patience: float = 5.0, wait: Callable[[float], None]) -> tuple[str, bool] | None:
        """Put a request to the running release: through the journal on this machine, else through the routers' inboxes.

        Returns (sentence, granted); None: left in an inbox, where it is read within a third of the dead-man's timer.
        """
        if self.running() is not None:
            number = self.journal.ask(self.name, asked, self.clock.moment())
            for _ in range(int(patience / 0.02)):
                answer = self.journal.answer_of(number)
                if answer is not None:
                    return answer.removeprefix("ok: ").removeprefix("no: "), answer.startswith("ok: ")
                wait(0.02)
            if not self.journal.withdraw(number):
                return "the release heard it and has not answered yet", True
        return self._post(asked)

    def _post(self, asked: e.Asked) -> tuple[str, bool] | None:
        """Into the inbox of each router whose lease is alive."""
        held = [name for name, state in self.observe().ledgers.items() if state.holder and state.holder.left > 0]
        if not held:
            return "no release is running here: nothing to do", True
        request = Request(secrets.token_hex(8), asked.verb, asked.by, _body(asked))
        for name in held:
            self.world.sites[name].ledger.edit({"post": request}, within=5.0)
        return None

    def logs(self, release: str | None = None, *, follow: bool = False, lines: int = 100) -> Iterator[tuple[str, str]]:
        """The application's own output, (host, line), of the slots that hold `release` (id or version; None: any)."""
        return follow_logs(self.world.targets, release, follow=follow, lines=lines)

    def adopt(self, version: str | None = None) -> Adopted:
        """Take in what already serves as the stable release; no process is touched and no traffic moved."""
        self.wiring.run_local_routers()
        return adopt(self.environment, self.world, self.observe(), version, by=self.by)

    def freeze(
        self, reason: str, *, seconds: float | None = None, allow: tuple[str, ...] = ()
    ) -> Mapping[str, LedgerState]:
        return self._edit({"freeze": Frozen(self.by, reason, seconds, allow)})

    def unfreeze(self) -> Mapping[str, LedgerState]:
        return self._edit({"unfreeze": True})

    def _edit(self, change: Mapping[str, object]) -> Mapping[str, LedgerState]:
        """On every router, or an error that names those that did not answer."""
        self.wiring.run_local_routers()
        edits = [partial(_tried, partial(site.ledger.edit, change, within=5.0)) for site in self.world.sites.values()]
        answers = dict(zip(self.world.sites, self.world.together(edits), strict=True))
        failed = {name: answer for name, answer in answers.items() if isinstance(answer, Exception)}
        if failed:
            raise FailedError(
                "; ".join(f"{name}: {error}" for name, error in failed.items()), fix=("try again once they answer",)
            )
        return answers

    def _world_for(self, plan: Plan) -> World:
        """With the artifact and the secrets that placing needs; a rollback gets along without both where it can."""
        wiring = self.wiring
        if plan.kind == "promote":
            wiring = replace(wiring, artifact=self.artifact(plan.to.version), env=lambda: self.secrets().values)
        else:
            wiring = replace(wiring, env=dict)
        return wiring.world(self.journal_head)

    def _driver(
        self, journal: SqliteJournal | AbsentJournal, world: World, show: Show | None, timeout: float | None
    ) -> Driver:
        show = show or Show()
        return Driver(journal, world, self.clock, show.listeners, timeout, show.notice, show.turned)


def close_probes(world: World) -> None:
    """Some probes keep connections warm."""
    for probe in world.probes.values():
        if isinstance(probe, Closeable):
            probe.close()


@contextmanager
def closing_probes(world: World) -> Iterator[World]:
    try:
        yield world
    finally:
        close_probes(world)


def new_rollout(version: str) -> str:
    """A name that no other rollout has, and that says what it brings."""
    return f"{version}.{secrets.token_hex(4)}"


def _body(asked: e.Asked) -> dict[str, object]:
    fields = {
        "reason": asked.reason,
        "to": asked.to,
        "step": asked.step,
        "until": asked.until,
        "mark_bad": asked.mark_bad,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _tried(call: Callable[[], LedgerState]) -> LedgerState | Exception:
    from releaser.errors import ReleaserError

    try:
        return call()
    except ReleaserError as error:
        return error


def _allowed(environ: Mapping[str, str]) -> tuple[str, ...]:
    """RELEASER_PLUGINS: the distributions whose adapters may be used beside the built-in ones."""
    return tuple(name for name in environ.get("RELEASER_PLUGINS", "").split(",") if name)


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
