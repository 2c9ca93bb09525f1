import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from releaser.adapters.hosts.fleet import Answers, ask, expect
from releaser.adapters.hosts.slot_states import slot_states
from releaser.errors import (
    FailedError,
    FencedError,
    RefusedError,
    ReleaserError,
    UnknownError,
    UnreachableError,
)


class Numb:
    """A shell that is never called: the order itself answers."""

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        raise NotImplementedError

    def put(self, local: Path, remote: str, *, within: float) -> None:
        raise NotImplementedError


def answers(**by_host: ReleaserError | None) -> Answers[str]:
    def order(name: str, _: object, left: float) -> str:
        error = by_host[name]
        if error is not None:
            raise error
        return "fine"

    return ask({name: Numb(name) for name in by_host}, order, parallel=4, within=5)


def test_failed_unreachable_and_unknown_stay_apart() -> None:
    got = answers(a=None, b=FailedError("b: no"), c=UnreachableError("c: gone"), d=UnknownError("d: silent"))
    assert got.good == {"a": "fine"}
    assert {name: type(error) for name, error in got.bad.items()} == {
        "b": FailedError,
        "c": UnreachableError,
        "d": UnknownError,
    }


@pytest.mark.parametrize(
    ("by_host", "error", "says"),
    [
        (
            {"a": None, "b": FailedError("b: disk full", fix=("free room",))},
            FailedError,
            "1 of 2 hosts failed: b .disk full.",
        ),
        ({"a": None, "b": RefusedError("b: port taken")}, FailedError, "b .port taken."),
        ({"a": None, "b": UnreachableError("b: no route")}, UnreachableError, "1 of 2 hosts unreachable: b"),
        ({"a": None, "b": UnknownError("b: silent")}, UnknownError, "without an answer: b"),
        ({"a": FencedError("a: newer"), "b": FailedError("b: no")}, FencedError, "fenced off: a"),
        ({"a": UnknownError("a: silent"), "b": FailedError("b: no")}, FailedError, "b .no."),
        ({f"h{n}": FailedError("no") for n in range(9)}, FailedError, r"9 of 9 .* also h1, h2, h3, h4, h5 \.\.\."),
    ],
)
def test_the_error_names_the_hosts(by_host: dict[str, ReleaserError | None], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        expect("web: place x", answers(**by_host), max_failed=0, max_unreachable=0)


def test_the_policy_says_how_many_may_be_missing_but_never_all() -> None:
    some = answers(a=None, b=FailedError("b: no"), c=UnreachableError("c: gone"))
    assert expect("x", some, max_failed=1, max_unreachable=1) == {"a": "fine"}
    with pytest.raises(UnreachableError):
        expect("x", some, max_failed=1, max_unreachable=0)
    with pytest.raises(FailedError):
        expect("x", answers(a=FailedError("a: no")), max_failed=5, max_unreachable=5)


def test_hosts_are_asked_at_once_up_to_the_limit() -> None:
    barrier = threading.Barrier(4)
    ask({str(n): Numb(str(n)) for n in range(4)}, lambda *_: barrier.wait(5), parallel=4, within=10)


def test_a_host_whose_turn_never_came_was_not_touched() -> None:
    got = ask({"a": Numb("a")}, lambda *_: "fine", parallel=1, within=0)
    assert isinstance(got.bad["a"], UnreachableError)


def view(release: str | None, state: str = "running", **more: Any) -> dict[str, Any]:
    told = {"release": release, "state": state, "running": state == "running", "note": "exit 1", "restarts": 3}
    return {**told, "stranger": None, **more}


def test_slots_are_told_for_the_whole_target() -> None:
    empty = view(None, "empty")
    good = {
        "a": {"slots": {"blue": view("1-00000001"), "green": empty}},
        "b": {"slots": {"blue": view("1-00000001", "waiting"), "green": view(None, "empty", stranger="pid 7 (nc)")}},
        "c": {"slots": {"blue": view("2-00000002"), "green": empty}},
    }
    blue, green = slot_states(Answers(good, {"d": UnreachableError("d: gone"), "e": FailedError("e: broken")}))
    assert (blue.slot, blue.release, blue.running) == ("blue", "1-00000001", False)
    assert blue.hosts == {
        "a": "running",
        "b": "down: exit 1, 3 restarts",
        "c": "holds 2-00000002, running",
        "d": "unreachable",
        "e": "e: broken",
    }
    assert (green.release, green.hosts["b"]) == (None, "port taken by pid 7 (nc)")


def test_it_runs_when_it_runs_everywhere() -> None:
    good = {host: {"slots": {"blue": view("1-00000001"), "green": view(None, "empty")}} for host in "ab"}
    assert slot_states(Answers(good, {}))[0].running
    assert not slot_states(Answers(good, {"c": UnreachableError("gone")}))[0].running
    assert not slot_states(Answers({}, {"c": UnreachableError("gone")}))[0].running
