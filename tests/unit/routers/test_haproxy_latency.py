import json

from releaser.adapters.routers.haproxy import HAProxyOptions, HAProxyRouter
from releaser.adapters.routers.haproxy_stat import dropped_lines, latency_of
from releaser.core.latency import Latency
from releaser.core.values import Binding

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))
OPTIONS = HAProxyOptions(
    socket="/run/h.sock", backend="shop", state_file="/var/state", map="/etc/gen.map", log="127.0.0.1:5140"
)
COLUMNS = ("pxname", "svname", "scur", "qcur", "stot", "econ", "eresp", "srv_abrt", "hrsp_2xx", "hrsp_5xx")
INFO = "Name: HAProxy\nDroppedLogs: 2\nPid: 7\n"


def counters(*rows: tuple[str, int, int, int, int]) -> str:
    """(server, econ, eresp, 2xx, 5xx)"""
    lines = [
        ",".join(map(str, ("shop", name, 0, 0, econ + eresp + good + bad, econ, eresp, 0, good, bad)))
        for name, econ, eresp, good, bad in rows
    ]
    columns = [*COLUMNS, "hrsp_3xx", "hrsp_4xx", "hrsp_other"]
    return "# " + ",".join(columns) + "\n" + "".join(f"{line},0,0,0\n" for line in lines)


def test_the_counters_are_read_before_the_log() -> None:
    stat, info, heard = HAProxyRouter(OPTIONS, ["web1", "web2"]).count()
    assert (stat["send"], info["send"]) == ("show stat shop 4 -1", "show info")
    assert (heard["do"], heard["address"], heard["kept"]) == ("heard", "127.0.0.1:5140", "/var/state.requests")
    assert heard["edges"][:3] == [1, 2, 3]


def test_without_a_log_there_are_only_counters() -> None:
    router = HAProxyRouter(OPTIONS.model_copy(update={"log": None}))
    assert [operation["do"] for operation in router.count()] == ["socket"]
    told = router.tally([counters(("local_blue", 0, 0, 5, 1), ("local_green", 2, 0, 0, 0))], BOTH)
    assert {release: (counts.causes, counts.latency) for release, counts in told.items()} == {
        OLD: ((("5xx", 1),), None),
        NEW: ((("econ", 2),), None),
    }


def test_causes_name_the_host_and_times_are_added_over_hosts() -> None:
    rows = [
        ("web1_blue", 0, 0, 9, 0),
        ("web2_blue", 0, 0, 9, 0),
        ("web1_green", 0, 1, 4, 2),
        ("web2_green", 7, 0, 0, 0),
    ]
    lines = {
        "shop/web1_green 200 2": 4,
        "shop/web2_green 503 2": 7,
        "shop/web1_blue 200 5": 9,
        "other/web1_green 200 1": 1,
    }
    heard = json.dumps({"lines": lines, "lost": 3})
    told = HAProxyRouter(OPTIONS, ["web1", "web2"]).tally([counters(*rows), INFO, heard], BOTH)
    assert told[NEW].causes == (("5xx web1", 2), ("econ web2", 7), ("eresp web1", 1))
    assert told[NEW].latency == Latency.of({0.002: 11}, missing=5)
    assert (told[NEW].completed, told[NEW].failed) == (14, 10)


def test_a_log_that_nobody_hears_takes_the_times_and_leaves_the_errors() -> None:
    rows = counters(("local_blue", 0, 0, 5, 1), ("local_green", 2, 0, 0, 0))
    told = HAProxyRouter(OPTIONS).tally([rows, INFO, json.dumps({"trouble": "a stranger has the port"})], BOTH)
    assert (told[NEW].completed, told[NEW].failed, told[NEW].latency) == (2, 2, None)


def test_lines_that_haproxy_could_not_send_are_missing() -> None:
    assert dropped_lines(INFO) == 2
    assert dropped_lines("Name: HAProxy\n") == 0
    assert latency_of(json.dumps({"lines": {}, "lost": 1}), 2, ["shop/local_blue"]) == Latency.of({}, missing=3)
