"""Why a router's counters could not be read: the verdict, and with it every screen and the journal, says it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from rollout_town import Town

from releaser.core import events as e
from releaser.core.rollout import Phase
from releaser.core.values import Verdict
from releaser.errors import FailedError, PortError, UnknownError
from releaser.testing.fakes import site_ports

T = TypeVar("T")


class Unread:
    """Everything arrives but the question for the counters, which gets this error."""

    def __init__(self, error: PortError) -> None:
        self.error: PortError | None = error

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        if call == "count" and self.error is not None:
            raise self.error
        return act()


@pytest.mark.parametrize(
    "error", [FailedError("lb1: the socket says Permission denied"), UnknownError("lb1: no answer within 2 s")]
)
def test_the_reason_is_journaled_with_the_verdict_until_they_answer_again(error: PortError) -> None:
    town, line = Town(), Unread(error)
    town.world = replace(town.world, sites={"web/lb1": site_ports(town.site, line)})
    town.open()
    r = town.turn_until(lambda r: r.judged is not None and "not answered for" in r.judged.why)
    assert r.judged is not None
    assert r.judged.why.startswith("the counters of web/lb1 have not answered for")
    assert (r.judged.verdict, r.judged.why.endswith(f": {error}")) == (Verdict.NO_DATA, True)
    line.error = None
    town.turn_until(lambda r: r.phase is Phase.BAKING)
    said = [one.event.why for one in town.journal.read("r1") if isinstance(one.event, e.Judged)]
    assert str(error) not in said[-1]
