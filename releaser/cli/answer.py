"""What does a command say in the end, to a machine? One object with the same keys always."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from releaser.cli.exits import INTERRUPTED, Family, code_of
from releaser.core.values import Outcome
from releaser.errors import HeldError, ReleaserError

if TYPE_CHECKING:
    from releaser.core.rollout import Rollout

__all__ = ["SCHEMA", "Answer", "Frost", "done", "interrupted", "of_error", "of_refusals", "of_rollout"]

SCHEMA = 1


class Refused(Protocol):
    """One reason why nothing was begun."""

    @property
    def code(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def fix(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Frost:
    """Who froze the environment; `until` is wall-clock seconds, None: until somebody lifts it."""

    by: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome` unchanged stands for every command that neither began nor ended a release. Seconds; None: unknown."""

    outcome: Outcome
    exit: int
    message: str = ""
    """One sentence for people."""
    reason: str = ""
    """One word for machines: who or what decided, or the code of a refusal."""
    environment: str = ""
    release: str | None = None
    version: str | None = None
    origin: str | None = None
    plan_digest: str | None = None
    rollout: str | None = None
    step: int | None = None
    """Counted from 1."""
    seconds: float | None = None
    """Of a way back: from the decision to the last router's read-back; else the whole release."""
    budget: float | None = None
    """What a way back may take."""
    requests: int | None = None
    """That the candidate answered, as the judge counted them."""
    failures: int | None = None
    not_reversed: tuple[str, ...] = ()
    frozen: Frost | None = None
    fix: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "outcome": str(self.outcome),
            "exit": self.exit,
            "reason": self.reason,
            "message": self.message,
            "environment": self.environment,
            "release": self.release,
            "version": self.version,
            "from": self.origin,
            "plan_digest": self.plan_digest,
            "rollout": self.rollout,
            "step": self.step,
            "seconds": self.seconds,
            "budget": self.budget,
            "requests": self.requests,
            "failures": self.failures,
            "not_reversed": list(self.not_reversed),
            "frozen": {"by": self.frozen.by, "until": self.frozen.until} if self.frozen else None,
            "fix": list(self.fix),
        }


def of_rollout(r: "Rollout", family: Family, *, wall: float) -> Answer:
    """`wall` is the wall clock at the rollout's last entry: what a freeze is counted from."""
    from releaser.core.codec import plan_digest

    outcome = r.outcome or (Outcome.HELD if r.held else Outcome.RUNNING)
    reason = _reason(r)
    figures = r.judged.figures if r.judged else None
    back = r.finished.seconds_to_stable if r.finished else None
    frozen = _frost(r, wall) if outcome in (Outcome.ROLLED_BACK, Outcome.INCOMPLETE) else None
    return Answer(
        outcome=outcome,
        exit=code_of(family, outcome, reason),
        message=r.finished.why if r.finished else r.held.why if r.held else "the release goes on",
        reason=reason,
        environment=r.plan.environment,
        release=r.plan.to.id,
        version=r.plan.to.version,
        origin=r.plan.origin,
        plan_digest=plan_digest(r.plan),
        rollout=r.id,
        step=r.step + 1 if r.step >= 0 else None,
        seconds=round(back, 3) if back is not None else _elapsed(r),
        budget=r.plan.budget.rollback,
        requests=figures.candidate.completed if figures else None,
        failures=figures.candidate.failed if figures else None,
        not_reversed=r.plan.undo.not_reversed if outcome is Outcome.ROLLED_BACK else (),
        frozen=frozen,
        fix=_fix(r, outcome, frozen),
    )


def of_refusals(environment: str, refusals: Sequence[Refused], *, version: str | None = None) -> Answer:
    """Nothing was begun, for these reasons; the first gives the code."""
    first = refusals[0]
    return Answer(
        Outcome.REFUSED,
        code_of("forward", Outcome.REFUSED, first.code),
        "; ".join(refusal.why for refusal in refusals),
        first.code,
        environment,
        version=version,
        fix=tuple(dict.fromkeys(line for refusal in refusals for line in refusal.fix)),
    )


def of_error(error: ReleaserError, environment: str = "") -> Answer:
    refused = error.exit_code in (6, 7)
    reason = "lock-held" if isinstance(error, HeldError) else error.code
    outcome = Outcome.REFUSED if refused else Outcome.ERROR
    return Answer(outcome, error.exit_code, error.message, reason, environment, fix=error.fix)


def interrupted(environment: str = "") -> Answer:
    """Ctrl-C while nothing of ours was under way."""
    return Answer(Outcome.CANCELLED, INTERRUPTED, "interrupted; nothing was changed", "signal", environment)


def done(environment: str, message: str, outcome: Outcome = Outcome.UNCHANGED, **more: Any) -> Answer:
    """What was asked for is done."""
    return replace(Answer(outcome, 0, message, environment=environment), **more)


def _reason(r: "Rollout") -> str:
    if r.refused:
        return r.refused.code
    if r.turned:
        return r.turned.cause
    return "hold" if r.held else ""


def _elapsed(r: "Rollout") -> float:
    return round(r.since - r.opened, 3)


def _frost(r: "Rollout", wall: float) -> Frost | None:
    seconds, by = (r.turned.freeze, r.turned.by) if r.turned else (0.0, r.by)
    if r.plan.kind == "rollback":
        seconds, by = r.plan.freeze, r.by
    return Frost(by, wall + seconds) if seconds else None


def _fix(r: "Rollout", outcome: Outcome, frozen: Frost | None) -> tuple[str, ...]:
    """What a person would type next."""
    if r.refused:
        return r.refused.fix
    name, version = r.plan.environment, r.plan.to.version
    marked = outcome is Outcome.ROLLED_BACK and r.plan.kind == "promote" and r.turned is not None and r.turned.mark_bad
    next_of: dict[Outcome, tuple[str, ...]] = {
        Outcome.INCOMPLETE: (
            f"releaser {'recover' if r.astray() else 'rollback'} -e {name}",
            f"releaser status -e {name}",
        ),
        Outcome.HELD: (f"releaser rollback -e {name}", f"releaser resume -e {name}"),
        Outcome.RUNNING: (f"releaser watch -e {name}",),
    }
    if outcome in next_of:
        return next_of[outcome]
    bring = (f"releaser recover -e {name}",) if any(r.missing.values()) and _has_it(r, outcome) else ()
    if bring and not frozen:
        return bring
    if frozen:
        return (
            *bring,
            f"releaser unfreeze -e {name} --reason ...",
        )
    return (f"releaser show {r.id}", f"releaser promote {version} -e {name} --retry-bad --reason ...") if marked else ()


def _has_it(r: "Rollout", outcome: Outcome) -> bool:
    """Whether its release answers now, so that a host without it is behind."""
    return outcome is (Outcome.PROMOTED if r.plan.kind == "promote" else Outcome.ROLLED_BACK)
