"""What is shown of an order that goes to hundreds of hosts: a number, and the few that others have overtaken."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releaser.adapters.hosts.fleet import ask
from releaser.adapters.hosts.progress import Order, Progress
from releaser.cli.follow import Following
from releaser.cli.lines import KEYS, wrapped
from releaser.cli.views.release import release_lines
from releaser.core.events import Entry, Opened
from releaser.core.values import Moment
from releaser.testing.samples import PLAN


class Numb:
    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        raise NotImplementedError

    def put(self, local: Path, remote: str, *, within: float) -> None:
        raise NotImplementedError


def test_two_hundred_hosts_of_which_two_are_slow() -> None:
    now = 0.0
    hosts, progress = [f"web{n}" for n in range(200)], Progress(lambda: now)
    progress.begin("web", "placing", hosts)
    for host in hosts[:189]:
        progress.asked("web", host)
    now = 1.0
    for host in hosts[2:189]:
        progress.answered("web", host)
    now = 4.0
    progress.asked("web", "web199")
    assert progress.under_way() == (Order("web", "placing", 187, 200),)
    now = 4.5
    (order,) = progress.under_way()
    assert str(order) == "placing on web: 187 of 200 hosts, slow: web0, web1"
    progress.end("web")
    assert progress.under_way() == ()


def test_of_many_slow_ones_a_few_are_named_and_the_line_fits_the_screen() -> None:
    order = Order("web", "starting", 120, 200, tuple(f"web{n}" for n in range(80)))
    assert str(order).endswith("slow: web0, web1, web2, web3 and 76 more")
    following = Following(orders=lambda: (order,))
    following.take(Entry("r", 0, Moment(0.0, "boot", 0.0), Opened(PLAN, "ada")))
    lines = ["".join(text for text, _ in one) for one in release_lines(following, 1.0)]
    assert sum("120 of 200 hosts" in one for one in lines) == 1
    pieces = [piece for one in release_lines(following, 1.0) for piece in wrapped(one, 80, KEYS)]
    assert max(sum(len(text) for text, _ in piece) for piece in pieces) <= 80


def test_one_host_is_not_counted() -> None:
    progress = Progress()
    progress.begin("web", "placing", ["web1"])
    assert progress.under_way() == ()


def test_a_fleet_counts_each_host_once_it_has_answered() -> None:
    progress, halfway, go_on = Progress(), threading.Event(), threading.Event()

    def order(name: str, _: object, left: float) -> str:
        if name == "b":
            halfway.set()
            assert go_on.wait(20)
        return name

    shells = {name: Numb(name) for name in "ab"}
    progress.begin("web", "placing", shells)
    asking = threading.Thread(
        target=lambda: ask(
            shells,
            order,
            parallel=1,
            within=30,
            began=lambda host: progress.asked("web", host),
            ended=lambda host: progress.answered("web", host),
        )
    )
    asking.start()
    assert halfway.wait(20)
    assert progress.under_way() == (Order("web", "placing", 1, 2),)
    go_on.set()
    asking.join(20)
    assert progress.under_way() == (Order("web", "placing", 2, 2),)
