"""A host that was away during a release: named by the answer and by `status`, brought home by `recover`; on fake hosts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cli_world import ENVIRONMENT, Place

from releaser.core.absent import Allowed
from releaser.core.events import Opened
from releaser.core.values import Split
from releaser.errors import FailedError, UnreachableError
from releaser.testing.fakes_hosts import FakeHost, FakeProbe, FakeTarget

T = TypeVar("T")


@dataclass
class Cable:
    """A line that can be pulled out, and a host that can say no to a call."""

    out: bool = False
    no: str = ""

    def carry(self, call: str, act: Callable[[], T], within: float) -> T:
        if self.out and call != "probe":  # users' network is another one
            raise UnreachableError("no route to host")
        if call == self.no:
            raise FailedError("disk full", fix=("free some room",))
        return act()


@dataclass
class Two:
    place: Place
    hosts: dict[str, FakeHost]
    cable: Cable

    def run(self, *words: str) -> Any:
        return self.place.run(*words, "-o", "json")

    def slot(self, host: str) -> dict[str, str]:
        return {slot: run.release.version for slot, run in self.hosts[host].slots.items() if run.wanted}

    def ends(self, host: str) -> bool:
        """Whether what its blue slot runs was told to end some day."""
        return self.hosts[host].slots["blue"].stop_at is not None

    @property
    def left_out(self) -> set[str]:
        """Of the release that users get."""
        split, away = self.place.site.split, self.place.site.left_out
        return {host for release, _ in (split.weights if split else ()) for host in away.get(release, ())}


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """1.4.1 serves on web1 and web2; one host may be away."""
    place = Place(tmp_path)
    (tmp_path / "environments" / "production.yaml").write_text(
        ENVIRONMENT.replace("[web1.example.com]", "[web1, web2]") + "fleet: { max_unreachable: 1, max_failed: 1 }\n"
    )
    place.build("1.4.1", "1.4.2", "1.4.3")
    hosts, cable = {name: FakeHost(name, time.monotonic) for name in ("web1", "web2")}, Cable()
    place.world.targets["web"] = FakeTarget(hosts, {"web2": cable}, Allowed(1, 1))  # type: ignore[index]  # a dict here
    place.world.probes["web"] = FakeProbe(hosts, place.health, {"web2": cable})  # type: ignore[index]  # a dict here
    made = Two(place, hosts, cable)
    assert made.run("promote", "1.4.1").code == 0
    return made


def released_without_web2(two: Two) -> None:
    two.cable.out = True
    promoted = two.run("promote", "1.4.2")
    assert promoted.code == 0, promoted
    assert promoted.document["message"].endswith("answers everywhere but on web2, read back")
    assert promoted.document["missing"] == [
        {"target": "web", "host": "web2", "how": "unreachable", "why": "no route to host"}
    ]
    assert promoted.document["fix"] == ["releaser recover -e production"]
    assert two.left_out == {"web2"}


def test_it_is_named_left_out_and_brought_home(two: Two) -> None:
    released_without_web2(two)
    two.cable.out = False
    (behind,) = two.run("status").document["status"][0]["behind"]
    assert behind["host"] == "web2"
    assert "releaser recover -e production" in two.place.run("status").out
    assert two.run("status", "--check").code == 1
    home = two.run("recover")
    assert (home.code, [one["host"] for one in home.document["brought"]]) == (0, ["web2"]), home
    assert two.slot("web2") == two.slot("web1")
    assert two.left_out == set()
    assert (two.run("status", "--check").code, two.place.site.ledger["away"]) == (0, {})
    assert two.place.site.split == Split.all_to(home.document["release"])


def test_what_recover_did_stands_in_the_journal_and_no_release_is_compared_with_it(two: Two) -> None:
    released_without_web2(two)
    two.cable.out = False
    assert two.run("recover").code == 0
    newest, release, _ = two.run("history").document["history"]
    assert (newest["kind"], newest["version"], newest["outcome"]) == ("recover", "1.4.2", "unchanged")
    assert newest["why"] == "web2 came to it; web/lb1.example.com told anew who has it"
    told = [one["text"] for one in two.run("show", newest["rollout"]).document["events"]]
    assert told[0].endswith(" brings 1.4.2 to what was behind on production")
    wrote = next(index for index, text in enumerate(told) if "read back 1.4.2 100 %" in text)
    assert "about to" in told[wrote - 2], told
    assert two.run("show", "1.4.2").document["events"][0]["event"]["plan"]["kind"] == "promote"
    assert "recovered" in two.place.run("history").out
    assert release["kind"] == "promote"
    assert [one["kind"] for one in two.run("status").document["status"][0]["recent"]] == ["promote", "promote"]


def test_one_that_died_half_way_is_ended_by_the_next(two: Two) -> None:
    released_without_web2(two)
    session = two.place.open(None, two.place.folder, environ=two.place.environ, settings=())
    left = session.journal.read(session.journal.rollouts(session.name)[0].rollout)[0]
    assert isinstance(left.event, Opened)
    opened = replace(left.event, plan=replace(left.event.plan, kind="recover", origin=None))
    session.journal.append([replace(left, rollout="recover.dead", event=opened)])
    session.close()
    assert two.run("status", "--check").code == 1  # web2 is behind; nothing runs
    two.cable.out = False
    assert two.run("recover").code == 0
    ended = {one["rollout"]: one for one in two.run("history").document["history"]}["recover.dead"]
    assert (ended["outcome"], ended["why"]) == ("incomplete", "its process ended before it did")


def test_while_it_is_away_recover_says_so_and_changes_nothing(two: Two) -> None:
    released_without_web2(two)
    before = two.place.digest()
    still = two.run("recover")
    assert (still.code, still.document["brought"]) == (0, [])
    assert two.place.digest() == before
    assert "no answer from web2" in still.document["message"]


def test_one_that_says_no_stays_out_with_its_reason(two: Two) -> None:
    released_without_web2(two)
    two.cable.out, two.cable.no = False, "place"
    failed = two.run("recover")
    assert (failed.code, failed.document["reason"]) == (1, "behind")
    assert "web2 (disk full (to mend it: free some room))" in failed.document["message"]
    newest = two.run("history").document["history"][0]
    assert (newest["kind"], newest["outcome"], newest["why"]) == ("recover", "error", "still behind: web2")
    told = [one["event"]["kind"] for one in two.run("show", newest["rollout"]).document["events"]]
    assert ("EffectFailed" in told, "Started" in told, "Collected" in told) == (True, False, False)
    assert two.left_out == {"web2"}


def test_a_host_that_says_no_within_the_allowance_is_left_out_too(two: Two) -> None:
    two.cable.no = "start"
    promoted = two.run("promote", "1.4.2")
    assert (promoted.code, promoted.document["missing"][0]["how"]) == (0, "failed")
    assert two.left_out == {"web2"}


def test_going_back_sends_it_requests_of_what_it_still_has(two: Two) -> None:
    released_without_web2(two)
    back = two.run("rollback")
    assert (back.code, back.document["outcome"]) == (0, "rolled_back"), back
    assert two.left_out == set()


def test_a_second_release_leaves_out_nobody_who_is_back(two: Two) -> None:
    """web2 is back and nobody called recover: the next release goes to both, and its way back is still without web2."""
    released_without_web2(two)
    two.cable.out = False
    two.place.sick.add("1.4.3")
    armed = two.run("promote", "1.4.3", "--set", "fleet.max_failed=1")
    assert armed.code == 3, armed
    two.place.sick.clear()
    assert two.run("promote", "1.4.3").code == 0
    assert two.left_out == set()
    assert two.slot("web2")["blue"] == two.slot("web1")["blue"] == "1.4.3"


def test_what_was_to_end_by_itself_is_kept_once_it_is_back(two: Two) -> None:
    """web2 was away when 1.4.1 was taken back to: there its planned stop goes on, until `recover` calls it off."""
    assert two.run("promote", "1.4.2").code == 0
    assert two.ends("web2")
    two.cable.out = True
    assert two.run("rollback").code == 0
    assert (two.ends("web1"), two.ends("web2")) == (False, True)
    two.cable.out = False
    (behind,) = two.run("status").document["status"][0]["behind"]
    assert behind["why"].startswith("runs, and ends by itself in ")
    assert two.run("recover").code == 0
    assert not two.ends("web2")
    assert two.run("status").document["status"][0]["behind"] == []


def test_a_dead_host_keeps_nobody_from_a_release_that_is_started_again(two: Two) -> None:
    """The fleet allows none to be missing; but 1.4.1 has ended everywhere, and users are to get it back now."""
    assert two.run("promote", "1.4.2").code == 0
    for host in two.hosts.values():
        host.slots["blue"].wanted = False
    two.place.world.targets["web"] = replace(two.place.world.targets["web"], allowed=Allowed())  # type: ignore[index,type-var]  # a FakeTarget in a dict
    two.cable.out = True
    back = two.run("rollback")
    assert (back.code, back.document["outcome"]) == (0, "rolled_back"), back
    assert [one["host"] for one in back.document["missing"]] == ["web2"]
    assert two.left_out == {"web2"}
    assert "releaser recover -e production" in back.document["fix"]


def test_a_rollback_after_recover_is_still_done_already(two: Two) -> None:
    assert two.run("promote", "1.4.2").code == 0
    assert two.run("rollback").code == 0
    two.hosts["web2"].slots["blue"].wanted = False
    assert two.run("recover").document["brought"][0]["host"] == "web2"
    again = two.run("rollback")
    assert (again.code, again.document["outcome"]) == (0, "unchanged")


def test_hosts_can_be_chosen(two: Two) -> None:
    released_without_web2(two)
    two.cable.out = False
    assert two.run("status", "--host", "web1").document["status"][0]["behind"] == []
    assert list(two.run("status", "--host", "web2").document["status"][0]["slots"]["web"]["blue"]["hosts"]) == ["web2"]
    wrong = two.run("status", "--host", "web9")
    assert (wrong.code, "did you mean web" in wrong.document["message"]) == (2, True)
    assert two.run("logs", "--group", "eu").code == 2
