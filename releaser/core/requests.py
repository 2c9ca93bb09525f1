"""What people ask of a running rollout, and the definite answer that each of them gets."""

from collections.abc import Mapping

from releaser.core import events as e
from releaser.core.rollout import BACKWARD, Phase, Rollout

__all__ = ["answer"]

Answer = tuple[list[e.Event], str, bool]
"""(events to record, the sentence for the person, whether it was granted)"""


def answer(r: Rollout, asked: e.Asked) -> Answer:
    """Grant or refuse one request. A pending way back beats everything else; what is void says why."""
    if r.finished:
        return [], f"{r.id} is over: {r.finished.outcome}", False
    if asked.step is not None and asked.step != r.step:
        return [], f"the release is at step {r.step + 1}, not {asked.step + 1}: nothing was done", False
    if asked.verb in BACK:
        return _go_back(r, asked)
    if r.turned or r.phase in BACKWARD or r.phase is Phase.LOOKING:
        return [], "the release is going back already: nothing was done", False
    if r.phase is Phase.COMMITTING:
        return [], "the release is being committed: nothing was done", False
    return GRANT[asked.verb](r, asked)


BACK: Mapping[e.Verb, e.Cause] = {
    "abort": "abort",
    "rollback": "rollback",
    "signal": "signal",
    "timeout": "timeout",
    "supersede": "superseded",
}


def _go_back(r: Rollout, asked: e.Asked) -> Answer:
    if r.turned or r.phase in BACKWARD:
        return [asked], "the release is going back already", True
    if r.committed:
        return [], "the release is committed: take it back with `releaser rollback`", False
    why = asked.reason or {"signal": "interrupted", "timeout": "its time was over"}.get(
        asked.verb, f"asked for by {asked.by}"
    )
    turned = e.TurnedBack(BACK[asked.verb], asked.by, why, mark_bad=asked.mark_bad, freeze=asked.freeze)
    return [asked, turned], f"going back: {why}", True


def _pause(r: Rollout, asked: e.Asked) -> Answer:
    if r.paused:
        return [], f"already paused by {r.paused.by}", True
    return [asked, e.Paused(asked.by, asked.until or 3600.0)], "paused: the weight stays, the judge goes on", True


def _resume(r: Rollout, asked: e.Asked) -> Answer:
    if not r.paused and not r.held:
        return [], "not paused: nothing to resume", True
    return [asked, e.Resumed(asked.by)], "resumed", True


def _approve(r: Rollout, asked: e.Asked) -> Answer:
    if r.step in r.approved:
        return [], f"step {r.step + 1} is approved already", True
    if r.step < 0 or r.plan.steps[r.step].approve is None:
        return [], f"step {r.step + 1} needs no approval: nothing was done", False
    return [asked, e.Approved(r.step, asked.by, asked.reason)], f"step {r.step + 1} approved", True


def _advance(r: Rollout, asked: e.Asked) -> Answer:
    if r.phase is not Phase.WATCHING:
        return [], f"nothing to advance: the release is {r.phase}", False
    if not asked.reason:
        return [], "advance needs a --reason: it stands in the journal in place of the evidence", False
    passed: list[e.Event] = [asked, *([e.Resumed(asked.by)] if r.paused or r.held else [])]
    return [*passed, e.Passed(r.step, asked.by, asked.reason)], f"step {r.step + 1} passed on {asked.by}'s word", True


GRANT = {"pause": _pause, "resume": _resume, "approve": _approve, "advance": _advance}
