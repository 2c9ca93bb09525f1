"""What is added to a haproxy.cfg, by its exact text, and what is left for a person to decide."""

import json
from pathlib import Path
from typing import Any

import pytest

from releaser.engine.setup.onhost.haproxy_cfg import Undecided, edited, main, parse, used

PACKAGED = """\
global
\tlog /dev/log\tlocal0
\tstats socket /run/haproxy/admin.sock mode 660 level admin
\tuser haproxy

\t# Default SSL material locations
\tca-base /etc/ssl/certs

defaults
\tmode\thttp
\ttimeout client  50000
"""
WANTED: dict[str, Any] = {
    "socket": "/run/haproxy/admin.sock",
    "state_file": "/var/lib/releaser/haproxy/servers.state",
    "map": "/var/lib/releaser/haproxy/shop.map",
    "backend": "shop",
    "servers": {"web1_blue": "web1:8001", "web1_green": "web1:8002"},
    "balance": "roundrobin",
    "timeout": "15s",
    "listen": 8080,
    "log": None,
    "log_format": "%b/%s %ST %Ta",
}
FRESH = """\
global
\tlog /dev/log\tlocal0
    stats socket /run/haproxy/admin.sock mode 660 level admin group deploy
\tuser haproxy

\t# Default SSL material locations
\tca-base /etc/ssl/certs
    server-state-file /var/lib/releaser/haproxy/servers.state

defaults
\tmode\thttp
\ttimeout client  50000

backend shop
    mode http
    balance roundrobin
    option http-server-close
    retries 0
    timeout connect 1s
    timeout server 15s
    load-server-state-from-file global
    http-request set-var(txn.releaser_generation) str(generation),map(/var/lib/releaser/haproxy/shop.map,0)
    server web1_blue web1:8001 weight 0 disabled check inter 1s fall 2 rise 1
    server web1_green web1:8002 weight 0 disabled check inter 1s fall 2 rise 1

frontend shop
    mode http
    bind :8080
    timeout client 60s
    default_backend shop
"""


def after(text: str, groups: tuple[str, ...] = ("deploy",), user: str = "deploy", **more: Any) -> str:
    return edited(text, WANTED | more, user, list(groups))[0]


def test_a_packaged_configuration_becomes_this_one_and_a_second_time_nothing() -> None:
    text, told = edited(PACKAGED, WANTED, "deploy", ["deploy"])
    assert text == FRESH
    assert told == [
        "stats socket /run/haproxy/admin.sock: group deploy",
        "server-state-file /var/lib/releaser/haproxy/servers.state",
        "backend shop with 2 servers",
        "frontend shop on port 8080",
    ]
    assert edited(FRESH, WANTED, "deploy", ["deploy"]) == (FRESH, [])


def test_an_empty_file_gets_a_global_section() -> None:
    text = after("")
    assert text.startswith("global\n    stats socket /run/haproxy/admin.sock mode 660 level admin group deploy\n")
    assert after(text) == text


def test_a_host_that_was_added_gets_its_servers_and_nothing_else_changes() -> None:
    servers = WANTED["servers"] | {"web2_blue": "web2:8001", "web2_green": "web2:8002"}
    text = after(FRESH, servers=servers)
    added = [line for line in text.splitlines() if line not in FRESH.splitlines()]
    assert [line.split()[1] for line in added] == ["web2_blue", "web2_green"]
    assert [line for line in text.splitlines() if line in FRESH.splitlines()] == FRESH.splitlines()


def test_a_backend_of_the_owner_keeps_its_own_lines() -> None:
    owned = (
        PACKAGED
        + "backend shop  # ours\n  balance roundrobin\n  server web1_blue web1:8001 maxconn 50\n\nlisten other\n"
    )
    text = after(owned + "frontend users\n  bind :80\n  use_backend shop if TRUE\n")
    assert "  server web1_blue web1:8001 maxconn 50\n    http-request set-var" in text
    assert text.count("server web1_blue") == 1
    assert "retries" not in text
    assert "bind :8080" not in text  # something leads there already


@pytest.mark.parametrize(
    ("line", "groups", "expected"),
    [
        ("stats socket /run/haproxy/admin.sock", ("deploy",), "level admin mode 660 group deploy"),
        (
            "stats socket /run/haproxy/admin.sock mode 660 level operator",
            ("deploy",),
            "mode 660 level admin group deploy",
        ),
        ("stats socket /run/haproxy/admin.sock mode 660 level admin group ops", ("deploy", "ops"), None),
        ("stats socket /run/haproxy/admin.sock user deploy mode 600 level admin", ("deploy",), None),
        ("stats socket unix@/run/haproxy/admin.sock mode 660 level admin group deploy", ("deploy",), None),
        ("stats socket /run/other.sock level admin", ("deploy",), "mode 660 level admin group deploy"),
    ],
)
def test_the_socket_s_line_gets_what_it_lacks(line: str, groups: tuple[str, ...], expected: str | None) -> None:
    text = after(FRESH.replace("stats socket /run/haproxy/admin.sock mode 660 level admin group deploy", line), groups)
    if expected is None:
        assert f"    {line}\n" in text
    else:
        assert f"stats socket /run/haproxy/admin.sock {expected}\n" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("level admin", "level admin group ops"), "usermod -aG ops deploy"),
        (("mode 660 level", "mode 600 level"), "has mode 600"),
        (("ca-base /etc/ssl/certs", "server-state-file /x"), "router: { state_file: /x }"),
        (("defaults\n", "backend shop\n  server old 10.0.0.9:80\ndefaults\n"), "server old (10.0.0.9:80)"),
        (("defaults\n", "backend shop\n  server web1_blue 10.0.0.9:80\ndefaults\n"), "web1:8001 in the environment"),
        (("defaults\n", "backend shop\n  mode tcp\ndefaults\n"), "mode tcp"),
        (("defaults\n", "backend shop\n  server-template web 1-3 w:80\ndefaults\n"), "server-template"),
        (("defaults\n", "frontend main\n  bind *:8080\ndefaults\n"), "frontend main has port 8080 already"),
    ],
)
def test_what_stands_in_the_way_is_for_a_person_to_decide(change: tuple[str, str], said: str) -> None:
    with pytest.raises(Undecided) as caught:
        after(PACKAGED.replace(*change))
    assert said in str(caught.value)


def test_servers_that_take_nothing_may_stay() -> None:
    text = after(PACKAGED + "backend shop\n  server sorry 10.0.0.9:80 backup\n  server old 10.0.0.8:80 disabled\n")
    assert "server web1_green" in text


def test_a_frontend_of_ours_logs_where_the_environment_says() -> None:
    text = after(PACKAGED, log="127.0.0.1:5140")
    assert (
        '    log 127.0.0.1:5140 format raw local0\n    log-format "%b/%s %ST %Ta"\n    default_backend shop\n' in text
    )


def test_root_needs_no_group() -> None:
    assert "group" not in after(PACKAGED, user="root").partition("defaults")[0]


def test_a_frontend_of_the_same_name_is_not_written_twice() -> None:
    text = after(PACKAGED + "frontend shop\n  bind :9000\n")
    assert "frontend shop_users\n" in text
    assert used(parse(text), "shop")


def test_run_by_itself_it_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg, new = tmp_path / "haproxy.cfg", tmp_path / "new"
    cfg.write_text(PACKAGED)
    arguments = (str(cfg), json.dumps(WANTED), "deploy", "deploy deploy")
    assert main(*arguments) == 1
    assert "backend shop with 2 servers" in capsys.readouterr().out
    assert main(*arguments, str(new)) == 0
    assert (cfg.read_text(), new.read_text()) == (PACKAGED, FRESH)
    new.replace(cfg)
    assert main(*arguments) == 0
    assert capsys.readouterr().out == ""
    nobody = json.dumps(WANTED | {"listen": None})
    cfg.write_text(FRESH.partition("\nfrontend")[0])
    assert main(str(cfg), nobody, "deploy", "deploy") == 4
    assert "default_backend shop" in capsys.readouterr().out
    cfg.write_text(PACKAGED.replace("defaults\n", "backend shop\n  mode tcp\ndefaults\n"))
    assert main(*arguments) == 3
