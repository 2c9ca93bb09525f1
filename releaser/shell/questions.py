"""How are several things asked of one host at the price of one? As data first: whoever has many, sends them together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from releaser.errors import HeldError, PortError, RefusedError, UnreachableError, UsageError
from releaser.shell.base import Shell, meant

__all__ = ["Question", "Trouble", "ask_all"]

T = TypeVar("T")
Trouble = PortError | RefusedError | HeldError | UsageError
"""What can come in the place of an answer."""
PARALLEL = 32


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One verb that changes nothing, and what its answer means."""

    shell: Shell
    verb: str
    request: Mapping[str, Any]
    parse: Callable[[Mapping[str, Any]], T]


def ask_all(questions: Sequence[Question[Any]], *, within: float) -> list[Any]:
    """The answers in order, or the Trouble that kept one from it. One agent process a shell, all shells at the same time."""
    until = monotonic() + within
    groups: dict[int, list[int]] = {}
    for index, question in enumerate(questions):
        groups.setdefault(id(question.shell), []).append(index)
    answers: list[Any] = [None] * len(questions)

    def ask(indexes: list[int]) -> None:
        for index, answer in zip(indexes, _of_one_shell([questions[i] for i in indexes], until), strict=True):
            answers[index] = answer

    if len(groups) == 1:
        ask(*groups.values())
    elif groups:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(PARALLEL, len(groups)), thread_name_prefix="questions") as pool:
            list(pool.map(ask, groups.values()))
    return answers


def _of_one_shell(questions: Sequence[Question[Any]], until: float) -> list[Any]:
    shell, left = questions[0].shell, until - monotonic()
    if left <= 0:
        late = UnreachableError(f"{shell.name}: its turn did not come in time, nothing was sent", code="turn")
        return [late] * len(questions)
    try:
        if len(questions) == 1:
            told = [{"ok": shell.call(questions[0].verb, questions[0].request, within=left)}]
        else:
            orders = [[question.verb, dict(question.request)] for question in questions]
            told = shell.call("batch", {"orders": orders}, within=left)["answers"]
    except (PortError, RefusedError, HeldError, UsageError) as error:
        return [error] * len(questions)
    return [_parsed(question, answer) for question, answer in zip(questions, told, strict=True)]


def _parsed(question: Question[T], answer: Mapping[str, Any]) -> T | Trouble:
    try:
        return question.parse(meant(question.shell.name, answer))
    except (PortError, RefusedError, HeldError, UsageError) as error:
        return error
