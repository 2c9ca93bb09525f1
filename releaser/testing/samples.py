"""What to test with: a plan, events of each kind, and the journals of a good and of a bad release of a small environment."""

from collections.abc import Iterable
from typing import Any

from releaser.core import events as e
from releaser.core.absent import Missing
from releaser.core.commands import Place, Settle, Shift, Start, Stop
from releaser.core.events import Entry, Event
from releaser.core.plan import Approval, Expected, Plan, RouterRef, Step, TargetRef, Undo
from releaser.core.values import Agreement, Counts, Moment, Outcome, Release, Split, Verdict

__all__ = ["BAD_RELEASE", "GOOD_RELEASE", "NEW", "OLD", "ONE_OF_EACH", "PLAN", "entries", "promotion"]

OLD = Release.of("1.4.1", "a" * 64, "c" * 64)
NEW = Release.of("1.4.2", "b" * 64, "c" * 64, "d" * 64)
BEFORE = Split.all_to(OLD.id)
QUARTER = Split.of({OLD.id: 75, NEW.id: 25})
ALL = Split.all_to(NEW.id)


def promotion(*steps: Step, **fields: Any) -> Plan:
    """From OLD in blue to NEW in green, behind one router; `fields` are further ones of the plan."""
    return Plan(
        kind="promote",
        environment="production",
        to=NEW,
        origin=OLD.id,
        binding=(("blue", OLD.id), ("green", NEW.id)),
        targets=(TargetRef("web"),),
        routers=(RouterRef("web/lb1", "web"),),
        steps=steps,
        before=BEFORE,
        **fields,
    )


PLAN = promotion(
    Step(25, at_least=5.0, eps=0.01, approve=Approval("ops", 3600.0)),
    Step(100, eps=0.005),
    expected=(Expected("web/lb1", 6, 6002, BEFORE),),
    undo=Undo(1.2, 1_760_000_000.0, not_reversed=("database migrations",)),
    config='{"name":"production"}',
)

_OPENING: tuple[Event, ...] = (
    e.Opened(PLAN, "ada", "ticket OPS-12"),
    e.Acquired(7, ("web/lb1",)),
    e.Issued(Place("web"), 1),
    e.Placed("web", NEW.id),
    e.Issued(Start("web", NEW.id, "green"), 1),
    e.Started("web", NEW.id),
    e.Ready("web", NEW.id, 3),
    e.Rehearsed("web/lb1", 0.41),
    e.Armed("web/lb1", 20.0),
    e.Passed(-1, "probes", "every host answered 3 times in a row with 1.4.2"),
    e.StepBegun(0, 25),
    e.Issued(Shift("web/lb1", QUARTER, 7003), 1),
    e.Shifted("web/lb1", QUARTER, 7003, 0.08),
)

_SHARE = e.Share("web/lb1", 25, 800, 3200, 0.21, 0.294, Agreement.OPEN)

GOOD_RELEASE: tuple[Event, ...] = (
    *_OPENING,
    e.Judged(0, Verdict.GOOD, "not worse than 1.4.1", e.Figures(Counts(800, 2), Counts(2400, 5), 0.1, 3.4), (_SHARE,)),
    e.Passed(0, "judge", "not worse than 1.4.1"),
    e.ApprovalAsked(0, "ops", 3600.0),
    e.Approved(0, "grace", "looks fine"),
    e.StepBegun(1, 100),
    e.Issued(Shift("web/lb1", ALL, 7004), 1),
    e.Shifted("web/lb1", ALL, 7004, 0.07),
    e.Judged(1, Verdict.GOOD, "the bake is over", e.Figures(Counts(5200, 11), Counts(2400, 5), 0.0, 4.0)),
    e.CommitBegun(),
    e.Issued(Settle("web/lb1", "committed"), 1),
    e.Settled("web/lb1", "committed"),
    e.Finished(Outcome.PROMOTED, "1.4.2 answers everywhere"),
)

BAD_RELEASE: tuple[Event, ...] = (
    *_OPENING,
    e.Judged(0, Verdict.BAD, "it fails more", e.Figures(Counts(90, 9), Counts(270, 1), 5.1, -2.0)),
    e.TurnedBack("judge", "the judge", "1.4.2 fails more of its requests than 1.4.1", mark_bad=True),
    e.Shifted("web/lb1", BEFORE, 7004, 0.06, urgent=True),
    e.Settled("web/lb1", "reverted"),
    e.Stopped("web", NEW.id),
    e.Finished(Outcome.ROLLED_BACK, "1.4.2 failed 9 of 90 requests", 0.31),
)

ONE_OF_EACH: tuple[Event, ...] = (
    *GOOD_RELEASE[:13],
    GOOD_RELEASE[13],
    e.LeftOut("web", NEW.id, (Missing("app3", "failed", "not ready within 60 s: 503"),), 2),
    e.ApprovalAsked(0, "ops", 3600.0),
    e.Asked("advance", "ada", "known good", to=100, step=0),
    e.Approved(0, "grace", "looks fine"),
    e.Paused("ada", 3600.0),
    e.Resumed("ada"),
    e.Held("the candidate fails and the playbook says hold"),
    e.CommitBegun(),
    e.TurnedBack("abort", "ada", "wrong build", freeze=3600.0),
    e.Settled("web/lb1", "reverted"),
    e.Stopped("web", NEW.id),
    e.CutShort("web/lb1", NEW.id, 2),
    e.Collected("web", NEW.id, ("1.3.9-77aa01fe",)),
    e.EffectFailed(Stop("web", NEW.id, "green"), 2, "unknown", "app1 did not answer within 5 s"),
    e.Lost("web/lb1", "fence 9 of grace rules"),
    e.Fired("web/lb1", "not renewed for 20 s"),
    e.RouterSeen("web/lb1", QUARTER, 7003, True),
    e.Alarmed("rollback", 60.0),
    e.Refused("frozen", "production is frozen by grace", ("releaser unfreeze -e production --reason ...",)),
    e.Recovered("grace", "5f1c7a52-boot", reason="the laptop died"),
    e.Finished(Outcome.ROLLED_BACK, "aborted by ada", 0.31),
    e.Unrecognised("Warmed", '{"kind":"Warmed","target":"web"}'),
)


def entries(rollout: str, events: Iterable[Event], *, start: float = 100.0, first: int = 0) -> tuple[Entry, ...]:
    """`events` as one rollout's journal: numbered from `first`, one second apart, on one boot."""
    return tuple(
        Entry(rollout, first + index, Moment(start + index, "boot-1", 1_760_000_000.0 + start + index), event)
        for index, event in enumerate(events)
    )
