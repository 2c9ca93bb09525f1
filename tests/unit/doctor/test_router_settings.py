"""What a HAProxy's and an nginx's own configuration must say, read from the few lines that the host sends."""

from types import SimpleNamespace
from typing import Any

import pytest
from told import place

from releaser.engine.doctor.haproxy import haproxy_findings, loads_states, state_files
from releaser.engine.doctor.nginx import nginx_findings
from releaser.onhost.doctor_router import haproxy_lines, nginx_lines

HAPROXY = """
global
  stats socket /run/haproxy/admin.sock mode 660 level admin
  server-state-file /var/lib/haproxy/state
userlist people
  user ada insecure-password hunter2
defaults
  load-server-state-from-file global  # or every weight is lost
frontend users
  http-after-response set-header x-generation %[str(generation),map(/etc/haproxy/generation.map,0)]
  default_backend shop
backend shop
  server web1_blue 10.0.0.1:8001 weight 0 crt /secret.pem
"""
OPTIONS = SimpleNamespace(
    socket="/run/s", backend="shop", state_file="/var/lib/haproxy/state", map="/etc/haproxy/generation.map"
)


def lines(text: str) -> list[str]:
    return haproxy_lines(text, "/etc/haproxy/generation.map")


def test_a_host_sends_the_lines_that_count_and_no_other_word() -> None:
    sent = lines(HAPROXY)
    assert "load-server-state-from-file global" in sent
    assert "server web1_blue" in sent
    assert "map /etc/haproxy/generation.map" in sent
    assert not any(word in " ".join(sent) for word in ("hunter2", "secret.pem", "10.0.0.1"))


@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        ("", "", True),
        ("load-server-state-from-file global", "", False),
        ("load-server-state-from-file global", "load-server-state-from-file local", False),
        ("backend shop", "backend shop\n  load-server-state-from-file none", False),
        ("frontend users", "defaults tcp\nfrontend users", False),
        ("backend shop", "listen shop", True),
        ("  load-server-state-from-file global", "  # load-server-state-from-file global", False),
    ],
)
def test_whether_the_backend_loads_states(old: str, new: str, holds: bool) -> None:
    assert loads_states(lines(HAPROXY.replace(old, new)), "shop") is holds


def test_a_backend_that_is_not_there_loads_nothing() -> None:
    assert loads_states(lines(HAPROXY), "other") is False


def test_a_state_file_may_have_a_base() -> None:
    assert state_files(lines(HAPROXY)) == ["/var/lib/haproxy/state"]
    based = HAPROXY.replace("/var/lib/haproxy/state", "state\n  server-state-base /var/lib/haproxy")
    assert state_files(lines(based)) == ["/var/lib/haproxy/state"]


TOLD = {
    "socket": place("/run/s", kind="socket"),
    "said": "",
    "level": "admin",
    "files": ["/etc/haproxy/haproxy.cfg"],
    "unread": "",
}


def haproxy(**wrong: Any) -> list[Any]:
    return list(haproxy_findings("lb1", OPTIONS, TOLD | {"lines": lines(HAPROXY)} | wrong, "deploy"))


def test_a_sound_haproxy() -> None:
    assert [(one.level, one.check) for one in haproxy()] == [("OK", "socket"), ("OK", "settings")]


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"socket": place("/run/s", kind="nothing"), "said": "no"}, "socket", "HAProxy has no socket /run/s"),
        ({"socket": place("/run/s", kind="file"), "said": "no"}, "socket", "/run/s is a file and no socket"),
        ({"socket": place("/run/s", kind="socket", writes=False, owner="haproxy", mode="0600"), "said": "no"}, "socket-rights", "deploy may not speak to /run/s (it is haproxy's, mode 0600)"),
        ({"said": "the router's socket does not answer"}, "socket", "the router's socket does not answer"),
        ({"level": "operator"}, "socket-level", "/run/s has level operator, and only admin may change weights"),
    ],
)  # fmt: skip
def test_a_socket_that_will_not_do(wrong: dict[str, Any], code: str, said: str) -> None:
    found = haproxy(**wrong)[0]
    assert (found.level, found.code, found.found) == ("FAIL", code, said)
    assert found.fix


def test_a_configuration_that_nobody_may_read_is_a_warning() -> None:
    socket, settings = haproxy(lines=None, unread="Permission denied: /etc/haproxy/haproxy.cfg")
    assert (socket.level, settings.level) == ("OK", "WARN")
    assert "Permission denied" in settings.found


def test_weights_that_no_reload_brings_back_stop_a_release() -> None:
    _, states = haproxy(lines=lines(HAPROXY.replace("load-server-state-from-file global", "")))
    _, file = haproxy(lines=lines(HAPROXY.replace("/var/lib/haproxy/state", "/tmp/other")))
    assert (states.level, states.code, file.level, file.code) == ("FAIL", "state-not-loaded", "FAIL", "state-file")
    assert "/tmp/other" in file.found


@pytest.mark.parametrize("line", ["cookie shop insert indirect nocache", "stick on src", "stick-table type ip size 1m"])
def test_users_who_stay_with_a_server_are_a_warning_unless_that_is_meant(line: str) -> None:
    kept = lines(HAPROXY.replace("backend shop\n", f"backend shop\n  {line}\n"))
    found = haproxy(lines=kept)[1:]
    if line.startswith("stick-table"):  # it only remembers
        assert [one.level for one in found] == ["OK"]
        return
    assert [(one.level, one.found.split("`")[1]) for one in found] == [("WARN", " ".join(line.split()[:2]))]
    meant = haproxy_findings("lb1", OPTIONS, TOLD | {"lines": kept}, "deploy", sticky=True)
    assert [one.level for one in meant] == ["OK", "OK"]


def test_a_cookie_of_another_backend_keeps_nobody() -> None:
    assert haproxy(lines=lines(HAPROXY + "backend other\n  cookie other insert\n"))[-1].level == "OK"


NGINX = """
worker_shutdown_timeout 30s;
http {
  upstream shop_blue { server 127.0.0.1:8001; }
  upstream shop_green { server 127.0.0.1:8002; } # upstream other { }
  include /etc/nginx/releaser/shop.conf;
  server { access_log /var/log/nginx/shop.log releaser; location / { proxy_pass http://shop_$releaser_slot; } }
}
"""


def nginx(text: str, **wrong: Any) -> list[Any]:
    options = SimpleNamespace(test=("nginx", "-t", "-q"), log="/var/log/nginx/shop.log")
    return list(nginx_findings("lb1", options, {"status": 0, "said": "", "lines": nginx_lines(text)} | wrong))


def test_a_sound_nginx_on_however_many_lines() -> None:
    assert [one.level for one in nginx(NGINX)] == ["OK"]
    assert [one.level for one in nginx(NGINX.replace("\n", " ").replace("# upstream other { }", ""))] == ["OK"]


@pytest.mark.parametrize(
    ("old", "new", "level", "said"),
    [
        ("worker_shutdown_timeout 30s;", "", "WARN", "old workers keep the old shares"),
        ("shop_green {", "green {", "FAIL", "no upstream shop_green"),
        ("$releaser_slot", "blue", "FAIL", "no proxy_pass of nginx names $releaser_slot"),
        ("nginx/shop.log", "nginx/other.log", "FAIL", "nowhere does nginx log to /var/log/nginx/shop.log"),
    ],
)
def test_an_nginx_that_would_not_follow(old: str, new: str, level: str, said: str) -> None:
    (found,) = nginx(NGINX.replace(old, new))
    assert (found.level, said in found.found) == (level, True), found


def test_an_nginx_that_refuses_its_configuration_or_does_not_show_it() -> None:
    (refused,) = nginx(NGINX, status=1, said='nginx: [emerg] unknown directive "x"\nnginx: test failed')
    (unseen,) = nginx(NGINX, lines=None)
    assert (refused.level, refused.code, unseen.level) == ("FAIL", "nginx-test", "WARN")
    assert refused.found.endswith('nginx: [emerg] unknown directive "x"')
