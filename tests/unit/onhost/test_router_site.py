import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.site import RouterSite
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.onhost.statedir import inside
from releaser.ports import Renewal, Request, RouterState

BINDING: Binding = (("blue", "1.0-00000000"),)
STABLE = Split.all_to("1.0-00000000")


class Written:
    """A dialect whose recipes say what they are for."""

    finest = 1

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        return ({"do": "write", "generation": generation},)

    def look(self, generation: int | None = None) -> Recipe:
        return ({"do": "look", "generation": generation},)

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        return RouterState(STABLE, int(replies[0]))

    def count(self) -> Recipe:
        return ({"do": "count"},)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        return {"1.0-00000000": Counts(int(replies[0]))}


class Ending(Written):
    """One that can end what a release has under way."""

    def cut(self, release: str, binding: Binding) -> Recipe:
        return ({"do": "end", "release": release},)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        return {"1.0-00000000": Counts(9, 0, int(replies[0]))}


class Told:
    """A shell that gives prepared answers and keeps what it was asked."""

    name = "lb1"

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], float]] = []

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        self.asked.append((verb, dict(request), within))
        return self.answer

    def put(self, local: Path, remote: str, *, within: float) -> None:
        raise AssertionError("nothing is copied")


def site(shell: Told) -> RouterSite:
    return RouterSite("web/lb1", shell, "/var/lib/releaser/web", Written(), "production")


def test_a_shift_is_one_order_with_everything_in_it() -> None:
    shell = Told(replies=["7003"])
    assert site(shell).shift(STABLE, BINDING, 7003, fence=7, within=4.0) == RouterState(STABLE, 7003)
    order = {
        "state": "/var/lib/releaser/web",
        "fence": 7,
        "split": {"1.0-00000000": 100},
        "generation": 7003,
        "write": ({"do": "write", "generation": 7003},),
        "look": ({"do": "look", "generation": 7003},),
    }
    assert shell.asked == [("router.write", order, 4.0)]


def test_a_router_that_says_something_else_has_not_been_shifted() -> None:
    with pytest.raises(FailedError, match="generation 7003") as caught:
        site(Told(replies=["7002"])).shift(STABLE, BINDING, 7003, fence=7, within=4.0)
    assert caught.value.code == "read-back"


def test_a_rehearsal_counts_only_when_the_router_says_so() -> None:
    shell = Told(replies=["7001"], seconds=0.3)
    assert site(shell).rehearse(STABLE, BINDING, 7001, fence=7, within=4.0) == 0.3
    with pytest.raises(FailedError):
        site(shell).rehearse(STABLE, BINDING, 7002, fence=7, within=4.0)


def test_arming_hands_the_way_back_over_as_data() -> None:
    shell = Told(left=20.0)
    site(shell).arm(STABLE, BINDING, 7001, fence=7, timer=20.0, within=4.0)
    [(verb, order, _)] = shell.asked
    assert (verb, order["timer"], order["revert"]) == ("switch.arm", 20.0, ({"do": "write", "generation": 7001},))


def test_reading_counting_and_renewing() -> None:
    letter = {"id": "q1", "verb": "abort", "by": "ada", "body": {}}
    shell = Told(replies=["42"], left=20.0, inbox=[letter])
    assert site(shell).read(BINDING, within=4.0).generation == 42
    assert site(shell).count(BINDING, within=4.0) == {"1.0-00000000": Counts(42)}
    assert site(shell).renew(fence=7, within=4.0) == Renewal(20.0, (Request("q1", "abort", "ada", {}),))
    assert [verb for verb, _, _ in shell.asked] == ["router.read", "router.read", "switch.renew"]


def test_the_directory_above_a_site_s_own_is_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "srv" / ".releaser" / "router"
    with inside(state, time.monotonic() + 5):
        assert [path.stat().st_mode & 0o777 for path in (state, state.parent)] == [0o700, 0o700]


def test_what_is_ended_was_counted_before_and_the_fence_goes_along() -> None:
    shell = Told(replies=["4"])
    ending = RouterSite("web/lb1", shell, "/var/lib/releaser/web", Ending(), "production")
    assert ending.cut("1.0-00000000", BINDING, fence=7, within=2.0) == 4
    ((verb, request, within),) = shell.asked
    assert (verb, request["fence"], within) == ("router.cut", 7, 2.0)
    assert (request["look"], request["cut"]) == (({"do": "count"},), ({"do": "end", "release": "1.0-00000000"},))


def test_a_router_that_cannot_end_them_alone_says_how_many_are_left() -> None:
    with pytest.raises(FailedError, match="0 are left, which this kind of router cannot end alone") as caught:
        site(Told(replies=["4"])).cut("1.0-00000000", BINDING, fence=7, within=2.0)
    assert caught.value.code == "no-cut"
