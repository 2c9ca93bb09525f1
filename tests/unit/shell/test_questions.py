"""Several questions to one host cost one process of the agent; trouble with one of them stays its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from releaser.errors import FailedError, PortError, UnreachableError, UsageError
from releaser.shell import LocalShell
from releaser.shell.questions import Question, ask_all


class Counting(LocalShell):
    """This machine, with a list of what was started."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root, name)
        self.started: list[str] = []

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        self.started.append(verb)
        return super().call(verb, request, within=within)


class Away:
    """A host that nobody reaches."""

    name = "away"

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        raise UnreachableError(f"away: no route for {verb}")

    def put(self, local: Path, remote: str, *, within: float) -> None:
        raise NotImplementedError


def slots(answer: Mapping[str, Any]) -> list[str]:
    return sorted(answer["slots"])


def fence(answer: Mapping[str, Any]) -> int:
    return int(answer["fence"])


def test_one_process_a_host_and_answers_in_order(tmp_path: Path) -> None:
    one, two = Counting(tmp_path / "one", "one"), Counting(tmp_path / "two", "two")
    questions: list[Question[Any]] = [
        Question(one, "ledger.read", {"state": str(tmp_path / "state")}, fence),
        Question(two, "target.inspect", {"path": str(tmp_path / "app")}, slots),
        Question(one, "target.inspect", {"path": str(tmp_path / "app")}, slots),
        Question(Away(), "ledger.read", {}, fence),
        Question(one, "target.inspect", {"path": "relative"}, slots),
    ]
    ledger, second, first, away, wrong = ask_all(questions, within=30.0)
    assert (ledger, first, second) == (0, ["blue", "green"], ["blue", "green"])
    assert isinstance(away, UnreachableError)
    assert isinstance(wrong, UsageError)
    assert (one.started, two.started) == (["batch"], ["target.inspect"])


def test_an_answer_that_means_nothing_is_trouble_of_that_question_alone(tmp_path: Path) -> None:
    def refuse(_: Mapping[str, Any]) -> None:
        raise FailedError("not what this router says")

    shell = Counting(tmp_path, "one")
    request = {"state": str(tmp_path / "state")}
    bad, good = ask_all(
        [Question(shell, "ledger.read", request, refuse), Question(shell, "ledger.read", request, fence)], within=30.0
    )
    assert isinstance(bad, PortError)
    assert good == 0


def test_without_time_nothing_is_sent(tmp_path: Path) -> None:
    shell = Counting(tmp_path, "one")
    (late,) = ask_all([Question(shell, "ledger.read", {"state": str(tmp_path)}, fence)], within=0.0)
    assert isinstance(late, UnreachableError)
    assert shell.started == []


@pytest.mark.parametrize("questions", [[], ()])
def test_no_question_no_answer(questions: list[Question[Any]]) -> None:
    assert ask_all(questions, within=1.0) == []
