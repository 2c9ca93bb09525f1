"""What does one more entry change in the summary of its rollout?"""

from dataclasses import replace

from releaser.core.codec import kind_of
from releaser.core.events import Entry, Finished, Opened
from releaser.store.summaries import Summary, storable

__all__ = ["ending_of", "summarise"]


def summarise(summary: Summary | None, entry: Entry) -> Summary:
    """The summary after one more entry. Raises ValueError for a rollout that does not begin with Opened, numbered 0."""
    event = entry.event
    if summary is None:
        if not isinstance(event, Opened) or entry.seq != 0:
            raise ValueError(
                f"the first entry of rollout {entry.rollout} is {kind_of(event)} number {entry.seq}, not Opened"
            )
        return _opened(entry, event)
    changed = replace(summary, last_seq=entry.seq, last_kind=kind_of(event))
    if isinstance(event, Finished):
        outcome, why, finished, seconds = ending_of(event, entry.moment.wall)
        return replace(changed, outcome=outcome, why=why, finished=finished, seconds_to_stable=seconds)
    return changed


def ending_of(event: Finished, wall: float) -> tuple[str, str, float, float | None]:
    """(outcome, why, finished, seconds_to_stable)."""
    return str(event.outcome), storable(event.why), wall, event.seconds_to_stable


def _opened(entry: Entry, event: Opened) -> Summary:
    plan = event.plan
    return Summary(
        rollout=entry.rollout,
        environment=plan.environment,
        kind=plan.kind,
        release=plan.to.id,
        version=plan.to.version,
        origin=plan.origin,
        playbook=plan.playbook,
        by=storable(event.by),
        reason=storable(event.reason),
        opened=entry.moment.wall,
        outcome=None,
        why="",
        finished=None,
        seconds_to_stable=None,
        last_seq=entry.seq,
        last_kind=kind_of(event),
    )
