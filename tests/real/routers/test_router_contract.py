"""What every router must do, asked of the real ones in the same words."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from router_rig import KINDS, NEW, OLD, PATIENCE, Rig, opened

from releaser.core.values import Split
from releaser.errors import FailedError
from releaser.testing.app import logged
from releaser.testing.load import Load, Traffic, run
from releaser.testing.load_websocket import Holding

pytestmark = pytest.mark.real


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    yield from opened(request.param)


def test_before_the_first_release_it_answers_503_and_says_that_nothing_serves(rig: Rig) -> None:
    assert rig.get().status == 503
    state = rig.read(binding=())
    assert (state.split, state.generation) == (None, 0)


def test_what_is_written_is_read_back_and_served(rig: Rig) -> None:
    rig.serve("blue")
    rig.serve("green")
    for generation, weights in enumerate(
        ({OLD: 100}, {OLD: 95, NEW: 5}, {OLD: 1, NEW: 99}, {NEW: 100}, {OLD: 100}), 1001
    ):
        written = rig.write(weights, generation)
        assert (written.split, written.generation) == (Split.of(weights), generation)
        assert rig.read() == written
        assert rig.get().getheader("x-releaser-generation") == str(generation)
    assert {rig.get().getheader("x-version") for _ in range(20)} == {"1.4.1"}


def test_writing_the_same_again_changes_nothing(rig: Rig) -> None:
    first = rig.write({OLD: 75, NEW: 25}, 7)
    files = {path: path.read_bytes() for path in (rig.directory / "router").iterdir() if path.is_file()}
    assert rig.write({OLD: 75, NEW: 25}, 7) == first
    again = {path: path.read_bytes() for path in (rig.directory / "router").iterdir() if path.is_file()}
    assert again.keys() == files.keys()
    times = {".state", ".log"}  # these hold a time
    assert all(again[path] == text for path, text in files.items() if path.suffix not in times)


def test_a_new_generation_of_the_same_split_is_seen(rig: Rig) -> None:
    rig.write({OLD: 75, NEW: 25}, 7)
    assert rig.write({OLD: 75, NEW: 25}, 8).generation == 8
    assert rig.write({OLD: 75, NEW: 25}, 123456789).generation == 123456789


def test_the_shares_are_those_of_the_split(rig: Rig) -> None:
    rig.serve("blue")
    rig.serve("green")
    rig.write({OLD: 75, NEW: 25}, 1)
    answered = Counter(sent.version for sent in run(Traffic(rig.url, rate=300, seconds=2, connections=4)))
    assert 0.15 < answered["1.4.2"] / answered.total() < 0.35


def test_requests_are_counted_for_the_release_that_answered_them(rig: Rig) -> None:
    rig.serve("blue")
    rig.serve("green", "--fault", "errors:1")
    rig.write({OLD: 100}, 1)
    assert [rig.get().status for _ in range(12)] == [200] * 12
    rig.write({NEW: 100}, 2)
    assert [rig.get().status for _ in range(5)] == [500] * 5
    counts = rig.count()
    assert (counts[OLD].completed, counts[OLD].failed, counts[OLD].active) == (12, 0, 0)
    assert (counts[NEW].completed, counts[NEW].failed, counts[NEW].active) == (5, 5, 0)


def test_a_dead_port_counts_as_failed(rig: Rig) -> None:
    rig.write({NEW: 100}, 1)
    assert {rig.get().status for _ in range(6)} <= {502, 503}
    counted = rig.count()[NEW]
    assert (counted.completed, counted.failed) == (6, 6)


def test_a_reset_counts_as_failed(rig: Rig) -> None:
    rig.serve("green", "--fault", "reset")
    rig.write({NEW: 100}, 1)
    assert {rig.get().status for _ in range(4)} <= {502, 503}
    counted = rig.count()[NEW]
    assert (counted.completed, counted.failed) == (4, 4)


def test_resets_on_connections_that_were_used_before_count_as_failed(rig: Rig) -> None:
    """HAProxy 2.6 sends no 502 there but closes, and counts otherwise."""
    log = rig.serve("green", "--fault", "reset")
    rig.serve("blue")
    rig.write({OLD: 50, NEW: 50}, 1)
    sent = run(Traffic(rig.url, rate=100, seconds=1, connections=4, fresh=0.1))
    reset = len(logged(log))
    counted = rig.count()[NEW]
    assert len(sent) > reset > 10
    assert (counted.completed, counted.failed) == (reset, reset)


def test_no_client_can_ask_for_retries_or_for_its_own_time_out(rig: Rig) -> None:
    log = rig.serve("green", "--fault", "errors:1")
    rig.write({NEW: 100}, 1)
    rig.get(headers={"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3", "x-request-id": "once"})
    assert log.read_text().split() == ["once", "500", "1.4.2"]
    assert rig.count()[NEW].completed == 1
    rig.end("green")
    rig.serve("green", "--fault", "slow:0.2")
    assert rig.get(headers={"x-envoy-upstream-rq-timeout-ms": "1"}).status == 200


def test_a_hang_is_active_and_then_a_failure(rig: Rig) -> None:
    rig.serve("green", "--fault", "hang")
    rig.write({NEW: 100}, 1)
    with Load(Traffic(rig.url, rate=20, seconds=0.5, connections=0)) as load:
        if rig.sees_active:
            _wait_for(lambda: rig.count()[NEW].active >= 5, within=2)
        assert rig.count()[NEW].completed == 0
        results = load.join()
    assert {sent.status for sent in results} == {504}
    counted = rig.count()[NEW]
    assert (counted.completed, counted.failed, counted.active) == (len(results), len(results), 0)


def test_a_restart_comes_up_with_the_last_split_and_generation(rig: Rig) -> None:
    rig.serve("blue")
    rig.serve("green")
    written = rig.write({OLD: 60, NEW: 40}, 3005)
    rig.kill_router()
    rig.start()
    assert rig.read() == written
    assert rig.get().getheader("x-releaser-generation") == "3005"
    assert {rig.get().getheader("x-version") for _ in range(60)} == {"1.4.1", "1.4.2"}
    assert rig.write({OLD: 100}, 3006).split == Split.all_to(OLD)


def test_a_request_in_flight_ends_well_although_its_release_lost_its_share(rig: Rig) -> None:
    rig.serve("blue", "--fault", "slow:0.8")
    rig.serve("green")
    rig.write({OLD: 100}, 1)
    seen: list[tuple[int, str | None]] = []

    def ask() -> None:
        response = rig.get()
        seen.append((response.status, response.getheader("x-version")))

    waiting = Thread(target=ask)
    waiting.start()
    if rig.sees_active:
        _wait_for(lambda: rig.count()[OLD].active == 1, within=0.7)
    rig.write({NEW: 100}, 2)
    assert rig.get().getheader("x-version") == "1.4.2"
    waiting.join(PATIENCE)
    assert seen == [(200, "1.4.1")]


def test_a_websocket_gets_through_and_stays_where_it_is_when_the_others_go(rig: Rig) -> None:
    log = rig.serve("blue")
    rig.serve("green")
    rig.write({OLD: 100}, 1)
    with Holding(rig.url) as holding:
        _wait_for(lambda: "websocket-1 101 1.4.1" in log.read_text(), within=PATIENCE)
        rig.write({NEW: 100}, 2)
        assert rig.get().getheader("x-version") == "1.4.2"
        time.sleep(2.5)  # longer than the router's time for a request
    (held,) = holding.held
    assert (held.version, held.ending) == ("1.4.1", "kept")
    assert held.messages > 5


def test_a_release_without_a_slot_gets_no_share(rig: Rig) -> None:
    with pytest.raises(FailedError, match="no slot holds it"):
        rig.write({"9.9.9-00000009": 100}, 1)


def test_a_share_for_a_slot_that_nobody_knows_is_named(rig: Rig) -> None:
    rig.write({OLD: 95, NEW: 5}, 1)
    with pytest.raises(FailedError, match="slot green") as caught:
        rig.read(binding=(("blue", OLD),))
    assert caught.value.code == "stranger"


def test_no_request_fails_in_a_hundred_shifts(rig: Rig) -> None:
    logs = [rig.serve("blue"), rig.serve("green")]
    rig.write({OLD: 100}, 1)
    shares = (1, 5, 25, 50, 99, 100, 50, 0)
    # A reload of nginx before 1.27.4 closes idle connections, and a request that is on its way there then is lost: with nginx
    # only requests on connections of their own are safe, which docs/how-to/use-nginx.md says.
    fresh = 1.0 if rig.router.kind == "nginx" else 0.2
    with Load(Traffic(rig.url, rate=150, connections=8, fresh=fresh, name="shifts")) as load:
        _wait_for(lambda: len(load.results) > 20, within=PATIENCE)
        for number in range(100):
            new = shares[number % len(shares)]
            rig.write({OLD: 100 - new, NEW: new}, 2 + number)
            _wait_for(_more_than(load, len(load.results) + 5), within=PATIENCE)
        sent = load.stop()
    assert [one for one in sent if one.failed] == []
    assert {one.version for one in sent} == {"1.4.1", "1.4.2"}
    served = logged(logs[0]) | logged(logs[1])
    assert served.keys() >= {one.id for one in sent if not one.error}


def _more_than(load: Load, number: int) -> Callable[[], bool]:
    return lambda: len(load.results) > number


def _wait_for(condition: Callable[[], bool], *, within: float) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)
