"""The one loop: it drives many rollouts from one thread, journals first and acts second.

It owns no clock, thread or disk: those come in from outside, so that the simulator runs this very file.
"""

import heapq
import math
import queue
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from releaser.core import events as e
from releaser.core.commands import QUESTIONS, Acquire, Collect, Command, Cut, Settle, Shift, Stop
from releaser.core.decide import decide
from releaser.core.fold import evolve
from releaser.core.requests import answer
from releaser.core.rollout import BACKWARD, Phase, Rollout
from releaser.core.watch import Watch
from releaser.engine.keeper import Keeper
from releaser.engine.messages import Answer, Message, Notice, Person
from releaser.engine.perform import perform
from releaser.engine.recorder import Recorder
from releaser.ports import Clock, Executor, Mailbox, World

__all__ = ["Driven", "Loop"]

OBSERVATIONS = (e.HealthRead, e.Counted)
SEEN = (*OBSERVATIONS, e.RouterSeen)
LONGEST_SLEEP = 10.0
SLEEP_OF_DEADMAN = 1 / 4
"""The keeper renews only while the loop's last turn is younger than a third of the dead-man's time, so the loop turns more
often than that, even when nothing happens."""


@dataclass(slots=True)
class Driven:
    """A rollout under way, with what belongs to it but not to its journal."""

    rollout: Rollout
    world: World
    watch: Watch
    keeper: Keeper
    heard: set[str] = field(default_factory=set)
    wake_at: float = math.inf
    """The one entry in the loop's heap that counts; older ones are passed over."""


class Loop:
    """`add` rollouts, then `run` until they are done. Only `mailbox.put` may be called from other threads."""

    def __init__(self, recorder: Recorder, executor: Executor, clock: Clock, mailbox: Mailbox) -> None:
        self.recorder = recorder
        self.executor = executor
        self.clock = clock
        self.mailbox = mailbox
        self.driven: dict[str, Driven] = {}
        self.finished: dict[str, Rollout] = {}
        self.wakes: list[tuple[float, str]] = []
        self.last_turn = clock.now()
        self.longest_sleep = LONGEST_SLEEP

    def open(self, rollout: str, opened: e.Opened, world: World) -> Rollout:
        """Begin a new rollout: its first entry is journaled before this returns."""
        entry = e.Entry(rollout, 0, self.clock.moment(), opened)
        state = evolve(None, entry)
        self.add(state, world)
        self.recorder.append((entry,), urgent=opened.plan.kind == "rollback")
        return state

    def add(self, state: Rollout, world: World) -> None:
        keeper = Keeper(state.id, world, self.executor, self.clock, self.mailbox, lambda: self.last_turn)
        driven = self.driven[state.id] = Driven(state, world, Watch(state.plan), keeper)
        self.longest_sleep = min(self.longest_sleep, state.plan.budget.deadman * SLEEP_OF_DEADMAN)
        self._wake(driven, self.clock.now())

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Turn until every rollout is done (or `until` says so)."""
        while self.driven and not (until and until()):
            self.turn()

    def turn(self) -> None:
        """Hear what came in, then decide for whoever is concerned or due."""
        self.last_turn = now = self.clock.now()
        concerned = self._hear(self.patience(now))
        self._add_due(concerned, self.clock.now())
        for name in sorted(concerned):
            if name in self.driven:
                self._advance(self.driven[name])

    def patience(self, now: float) -> float:
        """Seconds that the loop may sleep from `now` on if nothing arrives."""
        left = self.wakes[0][0] - now if self.wakes else math.inf
        if left >= self.longest_sleep:
            return self.longest_sleep
        return max(0.0, left)

    def _add_due(self, concerned: set[str], now: float) -> None:
        while self.wakes and self.wakes[0][0] <= now:
            at, name = heapq.heappop(self.wakes)
            if name in self.driven and self.driven[name].wake_at == at:
                self.driven[name].wake_at = math.inf
                concerned.add(name)

    def _wake(self, driven: Driven, at: float) -> None:
        if at != driven.wake_at:
            driven.wake_at = at
            heapq.heappush(self.wakes, (at, driven.rollout.id))

    def _hear(self, patience: float) -> set[str]:
        """Everything that has arrived, at once: a burst of answers costs one decision."""
        concerned: set[str] = set()
        while True:
            try:
                message = self.mailbox.get(timeout=patience)
            except queue.Empty:
                return concerned
            patience = 0.0
            name = getattr(message, "rollout", "")
            if name in self.driven:
                self._take(self.driven[name], message)
                concerned.add(name)
            elif isinstance(message, Person) and message.reply:
                message.reply("that release is over", False)

    def _take(self, driven: Driven, message: Message) -> None:
        match message:
            case Answer():
                self._take_answer(driven, message)
            case Notice(_, fence, router, event):
                if fence == driven.rollout.fence and _still_ours(driven.rollout, router):
                    self._record(driven, [event])
            case Person():
                self._take_request(driven, message)

    def _take_answer(self, driven: Driven, message: Answer) -> None:
        """Late answers, of an earlier attempt or fence, change nothing: their command is not the one under way."""
        r, command = driven.rollout, message.command
        if isinstance(command, QUESTIONS):
            self._observe(driven, message)
            return
        flight = r.pending.get(command)
        if flight is None or flight.attempt != message.attempt or message.fence != r.fence:
            return
        self._record(driven, [fact for fact in message.facts if not isinstance(fact, OBSERVATIONS)])

    def _observe(self, driven: Driven, message: Answer) -> None:
        if message.attempt != driven.watch.round:
            return
        now = self.clock.now()
        for fact in message.facts:
            if isinstance(fact, SEEN):
                driven.watch.observe(message.command, fact, now)
            else:
                driven.watch.unanswered(message.command, now)

    def _take_request(self, driven: Driven, message: Person) -> None:
        if message.id and message.id in driven.heard:
            return
        driven.heard.add(message.id)
        recorded, sentence, granted = answer(driven.rollout, message.asked)
        self._record(driven, recorded)
        if message.reply:
            message.reply(sentence, granted)

    def _record(self, driven: Driven, events: Iterable[e.Event]) -> bool:
        """Fold and journal. False: not durable yet, which no forward effect may follow."""
        entries = []
        moment = self.clock.moment()
        for event in events:
            entry = e.Entry(driven.rollout.id, driven.rollout.seq + 1, moment, event)
            driven.rollout = evolve(driven.rollout, entry)
            entries.append(entry)
        if not entries:
            return True
        return self.recorder.append(entries, urgent=_urgent(driven.rollout))

    def _advance(self, driven: Driven) -> None:
        """Decide until nothing is left to record, then issue, then sleep until the decision's wake-up."""
        while True:
            decision = decide(driven.rollout, driven.watch, self.clock.now())
            if decision.record:
                if not self._record(driven, decision.record):
                    self._no_journal(driven)
            elif self._issue(driven, decision.issue):
                break
        driven.keeper.tend(driven.rollout)
        if driven.rollout.finished:
            self.recorder.flush()
            self.finished[driven.rollout.id] = self.driven.pop(driven.rollout.id).rollout
        else:
            self._wake(driven, decision.wake_at)

    def _no_journal(self, driven: Driven) -> None:
        """Forward is not possible without a durable journal; back always is.

        What is committed is not taken back for that: its old release has been told to end. Nor does it matter to who looks at what
        a crash left: what is found there decides.
        """
        r = driven.rollout
        if not (_urgent(r) or r.finished or r.committed or r.phase is Phase.LOOKING):
            self._record(
                driven, [e.TurnedBack("failure", "releaser", "the journal takes no events: disk full or locked")]
            )

    def _issue(self, driven: Driven, commands: list[Command]) -> bool:
        """Intents first, then all effects. False: the intents are not durable, decide again."""
        if not commands:
            return True
        effects = [command for command in commands if not isinstance(command, QUESTIONS)]
        intents = [e.Issued(command, _attempt(driven.rollout, command)) for command in effects]
        durable = not intents or self._record(driven, intents)
        if not durable and not _urgent(driven.rollout) and not all(map(_goes_back, effects)):
            if not all(isinstance(command, Collect) for command in effects):
                self._no_journal(driven)
            return False  # what is only tidying up waits for the next commit
        for intent in intents:
            self._submit(driven, intent.command, intent.attempt)
        for command in commands:
            if isinstance(command, QUESTIONS):
                driven.watch.ask(command, self.clock.now())
                self._submit(driven, command, driven.watch.round)
        return True

    def _submit(self, driven: Driven, command: Command, attempt: int) -> None:
        work = partial(_work, command, attempt, driven.rollout, driven, self.clock, self.mailbox)
        self.executor.submit(work, urgent=_urgent(driven.rollout))


def _work(command: Command, attempt: int, rollout: Rollout, driven: Driven, clock: Clock, mailbox: Mailbox) -> None:
    """What a thread does. An effect that waited for its thread while the release gave it up (it goes back now) is not begun."""
    if not isinstance(command, QUESTIONS):
        flight = driven.rollout.pending.get(command)
        if flight is None or flight.attempt != attempt:
            return
    facts = perform(command, attempt, rollout, driven.world, clock)
    mailbox.put(Answer(rollout.id, command, attempt, rollout.fence, facts))


def _attempt(rollout: Rollout, command: Command) -> int:
    tries = rollout.tries.get(command)
    return tries.attempts + 1 if tries else 1


def _urgent(rollout: Rollout) -> bool:
    return rollout.phase in BACKWARD


def _goes_back(command: Command) -> bool:
    """A recovery raises its fence without waiting for a journal, as a rollback does."""
    if isinstance(command, Acquire):
        return command.force
    return isinstance(command, Shift | Settle | Stop | Cut) and getattr(command, "urgent", True)


def _still_ours(r: Rollout, router: str) -> bool:
    """A renewal that was refused is news only while the router should still be renewed."""
    settling = any(isinstance(c, Settle) and c.router == router for c in (*r.pending, *r.tries))
    return r.phase is not Phase.DONE and router in r.reached and router not in r.settled and not settling
