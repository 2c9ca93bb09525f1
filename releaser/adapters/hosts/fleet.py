"""What came of one order to many hosts? Failed, unreachable and unknown stay apart, and a policy says how many may be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, Literal, TypeVar

from releaser.core.absent import Missing
from releaser.errors import (
    FailedError,
    FencedError,
    HeldError,
    PortError,
    RefusedError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from releaser.shell import Shell
from releaser.shell.questions import Trouble

__all__ = ["Answers", "ask", "expect", "going_without", "sorted_out"]

T = TypeVar("T")
SAID_NO = (FailedError, RefusedError, HeldError, UsageError)
"""How a host says no. To its caller a target knows only the errors of a port."""


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What each host answered, and what kept the others from it."""

    good: Mapping[str, T]
    bad: Mapping[str, Trouble]


def nobody(host: str) -> None:
    """Hears of a host, and tells nobody."""


def ask(
    shells: Mapping[str, Shell],
    order: Callable[[str, Shell, float], T],
    *,
    parallel: int,
    within: float,
    began: Callable[[str], None] = nobody,
    ended: Callable[[str], None] = nobody,
) -> Answers[T]:
    """Give every host the order, `parallel` at once; each gets the seconds that are left when its turn comes.

    `began` and `ended` hear of each host, from the thread that asks it.
    """
    until = monotonic() + within

    def one(name: str) -> T | Trouble:
        left = until - monotonic()
        if left <= 0:
            return UnreachableError(f"{name}: its turn did not come within {within:g} s, nothing was sent", code="turn")
        began(name)
        try:
            return order(name, shells[name], left)
        except (PortError, RefusedError, HeldError, UsageError) as error:
            return error
        finally:
            ended(name)

    names = list(shells)
    if len(names) == 1:
        outcomes = [one(names[0])]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(parallel, len(names)), thread_name_prefix="hosts") as pool:
            outcomes = list(pool.map(one, names))
    return sorted_out(names, outcomes)


def sorted_out(names: Iterable[str], outcomes: Sequence[T | Trouble]) -> Answers[T]:
    """`outcomes` in the order of `names`."""
    good: dict[str, T] = {}
    bad: dict[str, Trouble] = {}
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome, PortError | RefusedError | HeldError | UsageError):
            bad[name] = outcome
        else:
            good[name] = outcome
    return Answers(good, bad)


def expect(what: str, answers: Answers[T], *, max_failed: int, max_unreachable: int) -> Mapping[str, T]:
    """The good answers, where the fleet's policy allows the others.

    Raises FencedError for any that is fenced, FailedError, UnknownError or UnreachableError, naming the hosts.
    """
    fenced = _of(answers, FencedError)
    failed = _of(answers, *SAID_NO)
    unknown = _of(answers, UnknownError)
    unreachable = _of(answers, UnreachableError)
    total = len(answers.good) + len(answers.bad)
    if fenced:
        raise FencedError(_sentence(what, "fenced off", fenced, total), code="fenced")
    if len(failed) > max_failed or (failed and not answers.good):
        first = next(iter(failed.values()))
        raise FailedError(_sentence(what, "failed", failed, total), fix=first.fix, code=first.code)
    if unknown:
        raise UnknownError(_sentence(what, "without an answer", unknown, total), code="unknown")
    if len(unreachable) > max_unreachable or (unreachable and not answers.good):
        raise UnreachableError(_sentence(what, "unreachable", unreachable, total), code="unreachable")
    return answers.good


def going_without(answers: Answers[T]) -> tuple[Missing, ...]:
    """The hosts without a good answer, where that is allowed."""
    return tuple(
        Missing(host, _how(error), error.message.removeprefix(f"{host}: "))
        for host, error in sorted(answers.bad.items())
    )


def _how(error: Trouble) -> Literal["failed", "unreachable", "unknown"]:
    if isinstance(error, UnreachableError):
        return "unreachable"
    return "unknown" if isinstance(error, UnknownError) else "failed"


def _of(answers: Answers[T], *kinds: type[Trouble]) -> dict[str, Trouble]:
    return {name: error for name, error in answers.bad.items() if isinstance(error, kinds)}


def _sentence(what: str, how: str, troubles: Mapping[str, Trouble], total: int) -> str:
    """Who, and why the first of them: the others' reasons are mostly the same."""
    first, error = next(iter(troubles.items()))
    reason = error.message.removeprefix(f"{first}: ")
    others = list(troubles)[1:]
    more = f"; also {', '.join(others[:5])}{' ...' if len(others) > 5 else ''}" if others else ""
    return f"{what}: {len(troubles)} of {total} hosts {how}: {first} ({reason}){more}"
