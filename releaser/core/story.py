"""How does an operator read what happened at 3 a.m.? One plain sentence per event, with the names that people use. (pure)

Releases are called by their version; only where two of one rollout share it (another config, other secrets) by their full id.
"""

from collections.abc import Iterable, Iterator
from functools import singledispatch

from releaser.core import events as e
from releaser.core.absent import Missing, say_missing
from releaser.core.phrases import Call, callings, doing, say_failures, say_seconds, say_split
from releaser.core.plan import Plan
from releaser.core.values import Outcome, Verdict

__all__ = ["narrate", "tell"]


def tell(event: e.Event, plan: Plan | None = None) -> str:
    """One sentence without a full stop, on one line, whatever the names and reasons in it hold.

    With the rollout's `plan` two releases of one version are told apart everywhere.
    """
    call = callings(event.plan if isinstance(event, e.Opened) else plan)
    return _one_line(_sentence(event, call))


def narrate(entries: Iterable[e.Entry]) -> Iterator[tuple[e.Entry, str]]:
    """Each entry of one rollout with its sentence."""
    plan: Plan | None = None
    for entry in entries:
        plan = entry.event.plan if isinstance(entry.event, e.Opened) else plan
        yield entry, tell(entry.event, plan)


def _one_line(text: str) -> str:
    """Reasons come from people and machines: no line break, colour code or other control character gets through."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _whom(by: str) -> str:
    return {"probes": "the probes", "judge": "the judge"}.get(by, by)


@singledispatch
def _sentence(event: object, call: Call) -> str:
    raise TypeError(f"{type(event).__name__} has no sentence")


@_sentence.register
def _opened(event: e.Opened, call: Call) -> str:
    plan, to = event.plan, call(event.plan.to.id)
    if plan.kind == "rollback":
        origin = f" from {call(plan.origin)}" if plan.origin else ""
        return f"{event.by} takes {plan.environment} back{origin} to {to}" + _because(event.reason)
    if plan.kind == "recover":
        return f"{event.by} brings {to} to what was behind on {plan.environment}" + _because(event.reason)
    if plan.kind == "adopt":
        return f"{event.by} takes in {to}, which serves {plan.environment} already" + _because(event.reason)
    if plan.origin is None:
        return f"{event.by} brings {to} to {plan.environment}, the first release there: no way back" + _because(
            event.reason
        )
    head = f"{event.by} brings {to} to {plan.environment}, where {call(plan.origin)} answers, by the {plan.playbook} playbook"
    return head + _because(event.reason)


@_sentence.register
def _issued(event: e.Issued, call: Call) -> str:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"about to {doing(event.command, call)}{again}"


@_sentence.register
def _acquired(event: e.Acquired, call: Call) -> str:
    ours = f"{', '.join(event.reached)} taken under fence {event.fence}" if event.reached else "no router taken"
    return ours + (f"; no answer from {', '.join(event.unreachable)}" if event.unreachable else "")


@_sentence.register
def _refused(event: e.Refused, call: Call) -> str:
    remedy = f"; what helps: {', or '.join(event.fix)}" if event.fix else ""
    return f"refused, nothing was changed: {event.why}{remedy}"


@_sentence.register
def _placed(event: e.Placed, call: Call) -> str:
    return f"{call(event.release)} lies on {_hosts(event.target, event.missing)}"


@_sentence.register
def _started(event: e.Started, call: Call) -> str:
    return f"{call(event.release)} was started on {_hosts(event.target, event.missing)}"


def _hosts(target: str, missing: tuple[Missing, ...]) -> str:
    if not missing:
        return f"every host of {target}"
    return f"the hosts of {target} but {say_missing(missing)}"


@_sentence.register
def _left_out(event: e.LeftOut, call: Call) -> str:
    return f"{call(event.release)} was stopped again on {say_missing(event.missing)}"


@_sentence.register
def _ready(event: e.Ready, call: Call) -> str:
    return (
        f"{call(event.release)} is ready on {event.target}: {event.passes} good answers in a row, with its own version"
    )


@_sentence.register
def _rehearsed(event: e.Rehearsed, call: Call) -> str:
    return f"{event.router} has rehearsed the way back: {say_seconds(event.seconds)}"


@_sentence.register
def _armed(event: e.Armed, call: Call) -> str:
    return f"{event.router} is armed: it goes back by itself after {say_seconds(event.timer)} without a word from us"


@_sentence.register
def _shifted(event: e.Shifted, call: Call) -> str:
    back = "went back: it " if event.urgent else ""
    took = f", {say_seconds(event.seconds)}" if event.seconds else ""
    return f"{event.router} {back}read back {say_split(event.split, call)} (generation {event.generation}{took})"


VERDICTS = {
    Verdict.GOOD: "looks good",
    Verdict.BAD: "is bad",
    Verdict.INCONCLUSIVE: "needs more evidence",
    Verdict.NO_DATA: "cannot be judged, there is no data",
}


@_sentence.register
def _judged(event: e.Judged, call: Call) -> str:
    new, old = event.figures.candidate, event.figures.stable
    seen = (
        f" (failed requests: new {say_failures(new)}, old {say_failures(old)})"
        if new.completed or old.completed
        else ""
    )
    why = "" if event.verdict is Verdict.GOOD else _because(event.why)  # the PASS that follows says it
    return f"step {event.step + 1} {VERDICTS[event.verdict]}{why}{seen}"


@_sentence.register
def _passed(event: e.Passed, call: Call) -> str:
    what = "the first shift" if event.step < 0 else f"leaving step {event.step + 1}"
    return f"{what} is cleared by {_whom(event.by)}{_because(event.why)}"


@_sentence.register
def _step_begun(event: e.StepBegun, call: Call) -> str:
    return f"step {event.step + 1} begins: {event.weight} % for the new release"


@_sentence.register
def _commit_begun(event: e.CommitBegun, call: Call) -> str:
    return "the bake is over and every router agrees: committing, from here on there is no automatic way back"


@_sentence.register
def _approval_asked(event: e.ApprovalAsked, call: Call) -> str:
    return f"step {event.step + 1} waits for the approval of {event.of}, for {say_seconds(event.within)} at most"


@_sentence.register
def _held(event: e.Held, call: Call) -> str:
    return f"held as it is, a human must decide{_because(event.why)}"


@_sentence.register
def _asked(event: e.Asked, call: Call) -> str:
    if event.verb == "signal":
        return f"this process was told to stop{_because(event.reason)}"
    if event.verb == "timeout":
        return f"the time that {event.by} gave this release is over{_because(event.reason)}"
    wishes = {
        "approve": "approves",
        "pause": "asks for a pause" + (f" of {say_seconds(event.until)} at most" if event.until else ""),
        "resume": "asks to go on",
        "abort": "asks to abort",
        "advance": "asks to advance" + (f" to {event.to} %" if event.to is not None else " by one step"),
        "rollback": "asks to roll back",
        "supersede": "asks to make way for another release",
    }
    return f"{event.by} {wishes[event.verb]}{_because(event.reason)}"


@_sentence.register
def _approved(event: e.Approved, call: Call) -> str:
    return f"step {event.step + 1} is approved by {event.by}{_because(event.reason)}"


@_sentence.register
def _paused(event: e.Paused, call: Call) -> str:
    return f"paused by {event.by} for {say_seconds(event.at_most)} at most: the weights stay, the judge goes on"


@_sentence.register
def _resumed(event: e.Resumed, call: Call) -> str:
    return f"resumed by {event.by}"


@_sentence.register
def _turned_back(event: e.TurnedBack, call: Call) -> str:
    notes = [f"decided by {_whom(event.by)}"]
    if event.mark_bad:
        notes.append("the version will be marked bad")
    if event.freeze:
        notes.append(f"the environment will be frozen for {say_seconds(event.freeze)}")
    return f"GOING BACK{_because(event.why)} ({', '.join(notes)})"


@_sentence.register
def _settled(event: e.Settled, call: Call) -> str:
    return f"{event.router} is disarmed and has the release down as {event.settlement}"


@_sentence.register
def _stopped(event: e.Stopped, call: Call) -> str:
    if 0.0 < event.after < 120.0:
        return f"{call(event.release)} on {event.target} has {say_seconds(event.after)} to drain, then it ends"
    if event.after:
        return f"{call(event.release)} stays warm on {event.target} and ends by itself in {say_seconds(event.after)}"
    return f"{call(event.release)} was stopped on {event.target}"


@_sentence.register
def _cut_short(event: e.CutShort, call: Call) -> str:
    if not event.connections:
        return f"nothing of {call(event.release)} was under way on {event.router} any more"
    many = "connection" if event.connections == 1 else "connections"
    return f"cut {event.connections} {many} of {call(event.release)} on {event.router}, whose time to end was over"


@_sentence.register
def _collected(event: e.Collected, call: Call) -> str:
    current = f"current is {call(event.release)} on {event.target}"
    removed = ", ".join(call(release) for release in event.removed)
    return f"{current}; removed there, because nobody needs it any more: {removed}" if removed else current


@_sentence.register
def _effect_failed(event: e.EffectFailed, call: Call) -> str:
    what = doing(event.command, call)
    attempt = f", attempt {event.attempt}" if event.attempt > 1 else ""
    if event.how == "unknown":
        return f"no answer to the order to {what}{attempt}, so it may have happened{_because(event.why)}"
    sent = ", nothing was sent" if event.how == "unreachable" else ""
    return f"could not {what}{attempt}{sent}{_because(event.why)}"


@_sentence.register
def _lost(event: e.Lost, call: Call) -> str:
    return f"{event.router} is in other hands now, and nothing of ours is written there any more{_because(event.why)}"


@_sentence.register
def _fired(event: e.Fired, call: Call) -> str:
    return f"{event.router} went back by itself, its timer ran out{_because(event.why)}"


@_sentence.register
def _router_seen(event: e.RouterSeen, call: Call) -> str:
    armed = "armed" if event.armed else "not armed"
    ended = f", and has the release down as {event.settlement}" if event.settlement else ""
    return f"{event.router} shows {say_split(event.split, call)} (generation {event.generation}, {armed}){ended}"


@_sentence.register
def _alarmed(event: e.Alarmed, call: Call) -> str:
    return f"ALARM: the {event.limit} takes longer than its {say_seconds(event.seconds)}; the attempts go on"


@_sentence.register
def _recovered(event: e.Recovered, call: Call) -> str:
    return f"{event.by} takes over after a crash, to {'finish' if event.finish else 'go back'}{_because(event.reason)}"


ENDINGS = {
    Outcome.PROMOTED: "PROMOTED",
    Outcome.UNCHANGED: "UNCHANGED",
    Outcome.ROLLED_BACK: "ROLLED BACK",
    Outcome.INCOMPLETE: "ROLLBACK INCOMPLETE",
    Outcome.REFUSED: "REFUSED",
    Outcome.CANCELLED: "CANCELLED",
    Outcome.HELD: "HELD",
    Outcome.RUNNING: "STILL RUNNING",
    Outcome.ERROR: "FAILED",
}


@_sentence.register
def _finished(event: e.Finished, call: Call) -> str:
    after = event.seconds_to_stable
    stable = "" if after is None else f" (all traffic back {say_seconds(after)} after the decision)"
    return f"{ENDINGS[event.outcome]}{_because(event.why)}{stable}"


@_sentence.register
def _unrecognised(event: e.Unrecognised, call: Call) -> str:
    return f"something that only a later releaser understands ({event.kind}): no way forward with this one, only back"
