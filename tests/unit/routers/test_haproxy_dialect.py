from typing import Any

import pytest
from pydantic import ValidationError

from releaser.adapters.routers.haproxy import HAProxyOptions, HAProxyRouter
from releaser.adapters.routers.haproxy_config import configuration, generation_map
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))
OPTIONS = HAProxyOptions(socket="/run/haproxy.sock", backend="shop", state_file="/var/lib/servers", map="/etc/gen.map")
ROUTER = HAProxyRouter(OPTIONS, ["web1", "web2"])

MAP = "0x55d96e3341f0 generation 1004\n\n"
STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change
3 shop 1 web1_blue 10.0.0.1 2 0 {blue} 0 2
3 shop 2 web2_blue 10.0.0.2 2 0 {blue} 0 2
3 shop 3 web1_green 10.0.0.1 2 {admin} {green} 0 2
3 shop 4 web2_green 10.0.0.2 2 {admin} {green} 0 2

"""
STAT = "# pxname,svname,algo,\nshop,BACKEND,roundrobin,\n\n"
COLUMNS = [
    "svname",
    "scur",
    "qcur",
    "stot",
    "econ",
    "eresp",
    "srv_abrt",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
]


def counters(*rows: tuple[object, ...]) -> str:
    lines = [",".join(["shop", *map(str, row)]) for row in rows]
    return "# pxname," + ",".join(COLUMNS) + "\n" + "\n".join(lines) + "\n\n"


def asked(line: str) -> dict[str, str]:
    return {"do": "socket", "path": "/run/haproxy.sock", "send": line, "expect": ""}


def test_what_a_release_has_under_way_is_ended_on_its_own_servers_only() -> None:
    assert ROUTER.cut(NEW, BOTH) == (
        asked("shutdown sessions server shop/web1_green"),
        asked("shutdown sessions server shop/web2_green"),
    )


def test_a_write_raises_the_new_weights_then_marks_the_generation_then_keeps_both_for_a_restart() -> None:
    assert ROUTER.write(Split.of({OLD: 95, NEW: 5}), BOTH, 1004) == (
        asked("set server shop/web1_blue weight 95"),
        asked("set server shop/web1_blue state ready"),
        asked("set server shop/web2_blue weight 95"),
        asked("set server shop/web2_blue state ready"),
        asked("set server shop/web1_green weight 5"),
        asked("set server shop/web1_green state ready"),
        asked("set server shop/web2_green weight 5"),
        asked("set server shop/web2_green state ready"),
        asked("set map /etc/gen.map generation 1004"),
        {"do": "dump", "path": "/var/lib/servers", "socket": "/run/haproxy.sock", "send": "show servers state"},
        {"do": "replace", "path": "/etc/gen.map", "text": "generation 1004\n", "mode": 0o644},
    )


def test_who_receives_comes_before_who_leaves() -> None:
    sent = [operation.get("send", "") for operation in ROUTER.write(Split.all_to(NEW), BOTH, 7)]
    assert sent[:8] == [
        "set server shop/web1_green weight 100",
        "set server shop/web1_green state ready",
        "set server shop/web2_green weight 100",
        "set server shop/web2_green state ready",
        "set server shop/web1_blue weight 0",
        "set server shop/web1_blue state maint",
        "set server shop/web2_blue weight 0",
        "set server shop/web2_blue state maint",
    ]


def test_a_static_algorithm_takes_all_or_nothing() -> None:
    router = HAProxyRouter(OPTIONS.model_copy(update={"balance": "source"}), ["web1"])
    assert (ROUTER.finest, router.finest) == (1, 100)
    sent = [operation.get("send") for operation in router.write(Split.all_to(OLD), BOTH, 7)]
    assert sent[:4:2] == ["set server shop/web1_blue weight 100%", "set server shop/web1_green weight 0%"]


def test_what_it_says_is_read() -> None:
    replies = [MAP, STATE.format(blue=95, green=5, admin=0), STAT]
    assert ROUTER.parse(replies, BOTH) == RouterState(Split.of({OLD: 95, NEW: 5}), 1004)


@pytest.mark.parametrize("admin", [1, 2, 8, 16, 32, 64])
def test_servers_out_of_service_have_no_weight(admin: int) -> None:
    replies = [MAP, STATE.format(blue=50, green=50, admin=admin), STAT]
    assert ROUTER.parse(replies, BOTH).split == Split.all_to(OLD)


def test_a_server_that_only_was_disabled_in_the_configuration_counts_once_it_is_ready() -> None:
    replies = [MAP, STATE.format(blue=50, green=50, admin=4), STAT]
    assert ROUTER.parse(replies, BOTH).split == Split.of({OLD: 50, NEW: 50})


def test_no_weight_at_all_is_nothing_serves() -> None:
    assert ROUTER.parse([MAP, STATE.format(blue=0, green=0, admin=0), STAT], ()).split is None


def test_a_missing_server_is_named_with_the_line_to_add() -> None:
    router = HAProxyRouter(OPTIONS, ["web1", "web9"])
    with pytest.raises(FailedError, match="no server web9_blue") as caught:
        router.parse([MAP, STATE.format(blue=50, green=50, admin=0), STAT], BOTH)
    assert "server web9_blue ADDRESS:PORT" in caught.value.fix[0]


def test_another_algorithm_than_the_environment_says_is_refused() -> None:
    replies = [MAP, STATE.format(blue=50, green=50, admin=0), STAT.replace("roundrobin", "static-rr")]
    with pytest.raises(FailedError, match="balances shop by static-rr"):
        ROUTER.parse(replies, BOTH)


def test_a_map_without_the_generation_is_refused() -> None:
    with pytest.raises(FailedError, match="no line 'generation'"):
        ROUTER.parse(["0x1 other 7\n", STATE.format(blue=50, green=50, admin=0), STAT], BOTH)


def test_a_look_waits_for_nothing_but_insists_on_its_generation() -> None:
    looked = ROUTER.look(1004)
    assert [operation["send"] for operation in looked] == [
        "show map /etc/gen.map",
        "show servers state shop",
        "show stat shop 2 -1",
    ]
    assert "generation 1004" in looked[0]["expect"]


def test_a_tally_sums_a_slots_servers() -> None:
    assert [operation["send"] for operation in ROUTER.count()] == ["show stat shop 4 -1"]
    reply = counters(
        ("web1_blue", 1, 1, 119, 0, 0, 0, 9, 100, 3, 2, 4, 0),  # 1xx are no answers
        ("web2_blue", 2, 0, 58, 5, 0, 0, 0, 50, 0, 0, 0, 1),  # refused connections
        (
            "web1_green",
            0,
            0,
            3,
            0,
            4,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
        ),  # three resets, one of them before an answer on a new connection
        ("web2_green", 0, 0, 10, 0, 3, 3, 0, 10, 0, 0, 0, 0),  # answers that broke off
    )
    assert ROUTER.tally([reply], BOTH) == {
        OLD: Counts(165, 9, 4, (("5xx web1", 4), ("econ web2", 5))),
        NEW: Counts(13, 6, 0, (("eresp web1", 4), ("eresp web2", 3))),
    }


def test_a_tally_needs_every_server() -> None:
    with pytest.raises(FailedError, match="no server web1_green"):
        ROUTER.tally([counters(("web1_blue", *[0] * 12), ("web2_blue", *[0] * 12))], BOTH)


def test_there_are_never_more_failures_than_requests_and_both_only_grow() -> None:
    """As HAProxy 2.6 counts resets of a half of all requests, the requests one after the other."""
    quiet = [(name, *[0] * 12) for name in ("web2_blue", "web1_green", "web2_green")]
    before = Counts()
    for begun in range(1, 200):
        resets, silent = begun // 2, begun // 4
        row = ("web1_blue", 0, 0, begun, 0, 2 * resets - silent, silent, 0, begun - resets, 0, 0, 0, 0)
        counts = ROUTER.tally([counters(row, *quiet)], BOTH)[OLD]
        assert before.failed <= counts.failed <= counts.completed == begun
        assert before.completed <= counts.completed
        before = counts


def test_the_configuration_of_a_managed_one_is_exactly_this() -> None:
    assert configuration(
        listen=("127.0.0.1", 8080),
        socket="/s/h.sock",
        state_file="/s/state",
        map_file="/s/map",
        backend="shop",
        servers={"local_green": ("127.0.0.1", 8002), "local_blue": ("127.0.0.1", 8001)},
        timeout="15s",
    ).splitlines() == [
        "global",
        "  stats socket /s/h.sock mode 600 level admin",
        "  server-state-file /s/state",
        "  fd-hard-limit 20000",
        "  hard-stop-after 30s",
        "defaults",
        "  mode http",
        "  timeout connect 1s",
        "  timeout client 300s",
        "  timeout http-keep-alive 300s",
        "  timeout server 15s",
        "  timeout tunnel 1h",
        "  retries 0",
        "  load-server-state-from-file global",
        "frontend users",
        "  bind 127.0.0.1:8080",
        "  http-after-response set-header x-releaser-generation %[str(generation),map(/s/map,0)]",
        "  default_backend shop",
        "backend shop",
        "  balance roundrobin",
        "  option http-server-close",
        "  server local_blue 127.0.0.1:8001 weight 0",
        "  server local_green 127.0.0.1:8002 weight 0",
    ]
    assert generation_map(7) == "generation 7\n"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "socket, state_file and map"),
        ({"managed": True}, "listen: 8080"),
        ({"managed": True, "listen": 8080, "server": "{host}"}, r"\{slot\}"),
        ({"managed": True, "listen": 8080, "server": "{slot}_{0}"}, r"\{slot\}"),
        ({"managed": True, "listen": 8080, "socket": "/run/a;b"}, "String should match"),
        ({"managed": True, "listen": 8080, "balance": "dice"}, "Input should be"),
        ({"managed": True, "listen": 8080, "sockett": "/run/a"}, "Extra inputs"),
    ],
)
def test_options_that_do_not_hold_together_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HAProxyOptions.model_validate({"kind": "haproxy", **wrong})


def test_several_hosts_need_their_name_in_the_servers() -> None:
    with pytest.raises(ValueError, match=r"needs \{host\}"):
        HAProxyRouter(OPTIONS.model_copy(update={"server": "s_{slot}"}), ["web1", "web2"])
    with pytest.raises(ValueError, match="socket"):
        HAProxyRouter(HAProxyOptions(managed=True, listen=8080))
