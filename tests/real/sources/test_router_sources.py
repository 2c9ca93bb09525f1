"""Is each request counted once, with its time and its cause? By the routers, the load client and the application's own log."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
from router_rig import KINDS, NEW, OLD, PATIENCE, VERSIONS, Rig, opened

from releaser.core.latency import Latency
from releaser.core.values import Counts
from releaser.onhost.answers import Refusal
from releaser.testing.app import logged
from releaser.testing.load import Load, Sent, Traffic, run

pytestmark = pytest.mark.real

SLOW = 0.03


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    yield from opened(request.param)


@pytest.fixture
def haproxy() -> Iterator[Rig]:
    yield from opened("haproxy")


@pytest.fixture
def nginx() -> Iterator[Rig]:
    yield from opened("nginx")


def test_every_request_is_counted_and_timed_once(rig: Rig) -> None:
    logs = {OLD: rig.serve("blue"), NEW: rig.serve("green", "--fault", f"slow:{SLOW}", "--error-rate", "0.2")}
    rig.write({OLD: 50, NEW: 50}, 1)
    rig.count()
    sent = run(Traffic(rig.url, rate=150, seconds=1.5, connections=8))
    counts = settled(rig, {OLD: answered(sent, OLD), NEW: answered(sent, NEW)})
    for release, log in logs.items():
        mine = [one for one in sent if one.version == VERSIONS[release]]
        assert len(logged(log)) == len(mine) > 50
        failed = sum(one.failed for one in mine)
        assert (counts[release].completed, counts[release].failed, counts[release].active) == (len(mine), failed, 0)
        not_slower_than_the_client_saw(timed(counts[release]), mine)
    assert counts[NEW].failed > 0
    assert at_most(timed(counts[NEW]), 0.022) == 0, "none was quicker than the application is"
    assert timed(counts[NEW]).quantile(0.5) >= SLOW > timed(counts[OLD]).quantile(0.2)


def test_each_failure_has_its_cause(rig: Rig) -> None:
    rig.write({NEW: 100}, 1)
    rig.count()
    asked = Counter({"dead": 3, "reset": 4, "error": 5, "hang": 1})
    for _ in range(asked["dead"]):
        rig.get()
    for fault, name in (("reset", "reset"), ("errors:1", "error"), ("hang", "hang")):
        rig.serve("green", "--fault", fault)
        for _ in range(asked[name]):
            rig.get()
        rig.end("green")
    ours = {"haproxy": asked.total(), "nginx": asked.total(), "traefik": asked.total(), "envoy": 6}[rig.router.kind]
    counts = settled(rig, {NEW: ours})[NEW]
    causes = Counter[str]()
    for cause, number in counts.causes:
        causes[cause.partition(" ")[0]] += number
    assert counts.completed == counts.failed == asked.total()
    if rig.router.kind == "envoy":
        assert causes == {"econ": 3, "eresp": 4, "5xx": 5, "timeout": 1}
    elif rig.router.kind == "haproxy":  # 2.6 has a reset before the answer twice among its causes
        assert (causes["econ"], causes["5xx"]) == (3, 5)
        assert 5 <= causes["eresp"] <= 9
    else:
        assert causes == {"502": 7, "500": 5, "504": 1}
    assert at_most(timed(counts), 1.8) == ours - 1, "only the one that hung took the whole time-out of 2 s"


def test_after_a_restart_nothing_is_counted_twice(rig: Rig) -> None:
    rig.serve("blue", "--error-rate", "1")
    rig.write({OLD: 100}, 1)
    rig.count()
    for _ in range(7):
        rig.get()
    before = settled(rig, {OLD: 7})[OLD]
    rig.kill_router()
    rig.start()
    for _ in range(5):
        rig.get()
    keeps_times, keeps_counts = rig.router.kind in {"haproxy", "nginx"}, rig.router.kind == "nginx"
    after = settled(rig, {OLD: 12 if keeps_times else 5})[OLD]
    assert (before.completed, before.failed) == (7, 7)
    assert (after.completed, after.failed) == ((12, 12) if keeps_counts else (5, 5))
    assert timed(after).missing == 0
    added = timed(after).since(timed(before))
    assert added == (None if not keeps_times else added), "counters that began anew are not the old ones"
    assert (added.total if added else None) == (5 if keeps_times else None)


def test_requests_over_a_reload_of_haproxy_are_timed_once(haproxy: Rig) -> None:
    haproxy.serve("blue")
    haproxy.serve("green", "--fault", "slow:1.2")
    haproxy.write({OLD: 100}, 1)
    haproxy.count()
    for _ in range(6):
        haproxy.get()
    haproxy.write({NEW: 100}, 2)
    under_way = Thread(target=haproxy.get)
    under_way.start()
    _wait_for(lambda: haproxy.count()[NEW].active == 1, within=1.0)
    old = reload_haproxy(haproxy)
    haproxy.write({OLD: 100}, 3)
    for _ in range(4):
        haproxy.get()
    under_way.join(PATIENCE)
    assert old.wait(PATIENCE) == 0
    counts = settled(haproxy, {OLD: 10, NEW: 1})
    assert counts[OLD].completed == 4, "the counters are those of the new process"
    assert at_most(timed(counts[NEW]), 1.0) == 0
    assert timed(counts[OLD]).missing == timed(counts[NEW]).missing == 0


def test_lines_that_nobody_heard_are_missed_and_the_errors_are_not(haproxy: Rig) -> None:
    haproxy.serve("blue", "--error-rate", "1")
    haproxy.write({OLD: 100}, 1)
    before = settled(haproxy, {OLD: 0})[OLD]
    end_listener(haproxy)
    for _ in range(3):
        haproxy.get()
    os.utime(kept(haproxy, ".log"), (0, 0))  # a start that was just tried is not repeated for a while
    counts = settled(haproxy, {OLD: 0})[OLD]
    assert (counts.completed, counts.failed) == (3, 3)
    added = timed(counts).since(timed(before))
    assert added is not None
    assert added.missing == 1, "a gap, and who knows how long"
    haproxy.get()
    assert timed(settled(haproxy, {OLD: 1})[OLD]).total == 1


def test_every_request_over_reloads_of_nginx_is_counted_and_timed_once(nginx: Rig) -> None:
    logs = [nginx.serve("blue"), nginx.serve("green")]
    nginx.write({OLD: 100}, 1)
    with Load(Traffic(nginx.url, rate=100, fresh=1.0, name="reloads")) as load:
        for number, share in enumerate((50, 0, 100, 25, 75), 2):
            seen = len(load.results)
            _wait_for(lambda seen=seen: len(load.results) > seen + 15, within=PATIENCE)  # type: ignore[misc]  # a default binds it
            nginx.write({OLD: 100 - share, NEW: share}, number)
        _wait_for(lambda: len(load.results) > 120, within=PATIENCE)
        sent = load.stop()
    assert [one for one in sent if one.failed] == []
    ours = {release: answered(sent, release) for release in (OLD, NEW)}
    unfinished = sum(one.status is None for one in sent)
    counts = settled(nginx, ours) if not unfinished else nginx.count()
    total = sum(one.completed for one in counts.values())
    assert len(sent) - unfinished <= total <= len(sent)
    assert len(logged(logs[0]) | logged(logs[1])) == total
    assert sum(timed(one).total for one in counts.values()) == total


def answered(sent: Sequence[Sent], release: str) -> int:
    return sum(one.version == VERSIONS[release] for one in sent)


def settled(rig: Rig, timed_requests: Mapping[str, int]) -> Mapping[str, Counts]:
    """The counts once that many requests are timed: what a client has just read may not be written down yet."""
    end = time.monotonic() + PATIENCE
    while True:
        counts = rig.count()
        found = {release: told.total for release in timed_requests if (told := counts[release].latency) is not None}
        if found == timed_requests:
            return counts
        assert time.monotonic() < end, f"timed {found}, not {timed_requests}"
        time.sleep(0.02)


def timed(counts: Counts) -> Latency:
    assert counts.latency is not None
    return counts.latency


def at_most(latency: Latency, seconds: float) -> int:
    return latency.counts[latency.edges.index(seconds)]


def not_slower_than_the_client_saw(latency: Latency, sent: Sequence[Sent]) -> None:
    """A client's clock starts before the router's and stops after it; a bucket is told by the edge above."""
    for edge, above in pairwise(latency.edges):
        assert at_most(latency, above) >= sum(one.latency <= edge for one in sent)


def reload_haproxy(rig: Rig) -> subprocess.Popen[bytes]:
    """As a reload without a master: a new process takes the port, and asks the old one, which is returned, to finish."""
    old = rig._router_process
    assert old is not None
    with (rig.directory / "router.log").open("ab") as log:
        new = subprocess.Popen([*rig.router.argv, "-sf", str(old.pid)], stdout=log, stderr=log, start_new_session=True)
    rig._router_process = new
    _wait_for(lambda: f"Pid: {new.pid}\n" in info(rig), within=PATIENCE)
    return old


def info(rig: Rig) -> str:
    look = rig.router.dialect.count()[0]
    try:
        return rig.run(({"do": "socket", "path": look["path"], "send": "show info"},))[0]
    except Refusal:  # between the two processes the socket is nobody's
        return ""


def kept(rig: Rig, ending: str) -> Path:
    (found,) = (rig.directory / "router").glob(f"*.requests{ending}")
    return found


def end_listener(rig: Rig) -> None:
    """kill -9 of whoever holds the lock."""
    lock = kept(rig, ".lock").stat()
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].endswith(f":{lock.st_ino}"):
            os.kill(int(words[4]), signal.SIGKILL)
            _wait_for(lambda pid=words[4]: not Path(f"/proc/{pid}/fd").is_dir() or not _lives(pid), within=PATIENCE)  # type: ignore[misc]  # a default binds it
            return
    pytest.fail("nobody hears")


def _lives(pid: str) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _wait_for(condition: Callable[[], bool], *, within: float) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)
