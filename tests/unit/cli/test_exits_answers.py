"""Exit codes and the one object for machines."""

import pytest

from releaser.cli.answer import Answer, interrupted, of_error, of_refusals, of_rollout
from releaser.cli.exits import code_of
from releaser.config.observed import Refusal
from releaser.core import events as e
from releaser.core.events import Event
from releaser.core.fold import replay
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome
from releaser.errors import (
    ConfigError,
    FailedError,
    HeldError,
    JournalCorruptError,
    NotAllowedError,
    RefusedError,
    ReleaserError,
    UsageError,
)
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, NEW, OLD, entries

SPECIFIED = {"schema", "outcome", "exit", "reason", "environment", "release", "version", "from", "plan_digest", "rollout",
             "step", "seconds", "budget", "requests", "failures", "not_reversed", "frozen", "fix"}  # fmt: skip
TABLE = [
    # outcome, reason, promote and its like, rollback and its like
    (Outcome.PROMOTED, "", 0, 0),
    (Outcome.UNCHANGED, "", 0, 0),
    (Outcome.ROLLED_BACK, "judge", 3, 0),
    (Outcome.ROLLED_BACK, "signal", 3, 0),
    (Outcome.ROLLED_BACK, "abort", 3, 0),
    (Outcome.INCOMPLETE, "judge", 5, 5),
    (Outcome.ERROR, "", 1, 1),
    (Outcome.REFUSED, "frozen", 6, 6),
    (Outcome.REFUSED, "bad", 6, 6),
    (Outcome.REFUSED, "drift", 6, 6),
    (Outcome.REFUSED, "outdated", 6, 6),
    (Outcome.REFUSED, "lock-held", 7, 7),
    (Outcome.RUNNING, "", 8, 0),
    (Outcome.HELD, "hold", 9, 0),
    (Outcome.CANCELLED, "signal", 130, 130),
]


@pytest.mark.parametrize(("outcome", "reason", "forward", "back"), TABLE)
def test_the_table_of_exit_codes(outcome: Outcome, reason: str, forward: int, back: int) -> None:
    assert code_of("forward", outcome, reason) == forward
    assert code_of("back", outcome, reason) == back


def test_every_outcome_stands_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(Outcome)


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (ReleaserError("x"), 1, "error"),
        (FailedError("x"), 1, "error"),
        (UsageError("x"), 2, "error"),
        (ConfigError("x"), 2, "error"),
        (NotAllowedError("x"), 4, "error"),
        (RefusedError("x"), 6, "refused"),
        (JournalCorruptError("x"), 6, "refused"),
        (HeldError("x"), 7, "refused"),
    ],
)
def test_every_error_has_its_code(error: ReleaserError, code: int, outcome: str) -> None:
    answer = of_error(error, "production")
    assert (answer.exit, str(answer.outcome)) == (code, outcome)
    assert set(answer.document()) == SPECIFIED | {"message"}


def rollout(*events: Event) -> Rollout:
    return replay(entries("r1", events))


def test_a_promotion_names_what_answers_and_what_answered_before() -> None:
    document = of_rollout(rollout(*GOOD_RELEASE), "forward", wall=0.0).document()
    assert (document["outcome"], document["exit"]) == ("promoted", 0)
    assert (document["release"], document["from"]) == (NEW.id, OLD.id)
    assert (document["requests"], document["failures"]) == (5200, 11)
    assert document["not_reversed"] == []
    assert len(document["plan_digest"]) == 64


def test_the_judges_rollback_says_how_long_of_which_budget_and_what_stays() -> None:
    document = of_rollout(rollout(*BAD_RELEASE), "forward", wall=0.0).document()
    assert (document["outcome"], document["exit"], document["reason"]) == ("rolled_back", 3, "judge")
    assert (document["seconds"], document["budget"], document["step"]) == (0.31, 60.0, 1)
    assert document["not_reversed"] == ["database migrations"]
    assert any("--retry-bad" in one for one in document["fix"])
    assert document["frozen"] is None


def test_a_freeze_has_its_end() -> None:
    events = (
        *BAD_RELEASE[:-5],
        e.TurnedBack("rollback", "ada", "slow", mark_bad=True, freeze=3600.0),
        *BAD_RELEASE[-4:],
    )
    document = of_rollout(rollout(*events), "back", wall=1000.0).document()
    assert document["exit"] == 0
    assert document["frozen"] == {"by": "ada", "until": 4600.0}


def test_what_goes_on_is_running_or_held() -> None:
    running = of_rollout(rollout(*GOOD_RELEASE[:14]), "forward", wall=0.0)
    assert (running.outcome, running.exit) == (Outcome.RUNNING, 8)
    held = of_rollout(rollout(*GOOD_RELEASE[:14], e.Held("it fails and the playbook says hold")), "forward", wall=0.0)
    assert (held.outcome, held.exit, held.reason) == (Outcome.HELD, 9, "hold")


def test_refusals_keep_every_reason_and_each_remedy_once() -> None:
    answer = of_refusals(
        "production", (Refusal("frozen", "it is frozen", ("a",)), Refusal("bad", "it is bad", ("a", "b")))
    )
    assert (answer.exit, answer.reason, answer.fix) == (6, "frozen", ("a", "b"))
    assert "it is frozen" in answer.message
    assert "it is bad" in answer.message


def test_an_interrupted_command_changed_nothing() -> None:
    assert isinstance(interrupted(), Answer)
    assert interrupted().exit == 130
