import json

import pytest
from pydantic import ValidationError

from releaser.adapters.routers.nginx import NginxOptions, NginxRouter
from releaser.adapters.routers.nginx_config import closed, configuration, include
from releaser.core.latency import Latency
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))
OPTIONS = NginxOptions(include="/etc/nginx/releaser.conf", log="/var/log/nginx/releaser.log", status="127.0.0.1:8099")
ROUTER = NginxRouter(OPTIONS, ["web1", "web2"])
SPLIT = """\
# written by releaser: generation 1004 blue 95 green 5
split_clients "$request_id" $releaser_slot {
  5% green;
  * blue;
}
map "" $releaser_generation { default 1004; }
server {
  listen 127.0.0.1:8099;
  access_log off;
  location = /releaser { default_type text/plain; return 200 "generation 1004 blue 95 green 5\\n"; }
}
"""


def test_a_write_is_a_tested_file_and_a_reload() -> None:
    rotate, tested, reload = ROUTER.write(Split.of({OLD: 95, NEW: 5}), BOTH, 1004)
    assert rotate["path"] == "/var/log/nginx/releaser.log"
    assert tested == {
        "do": "tested",
        "path": "/etc/nginx/releaser.conf",
        "text": SPLIT,
        "mode": 0o644,
        "argv": ["nginx", "-t", "-q"],
    }
    assert reload == {"do": "run", "argv": ["nginx", "-s", "reload"]}


def test_all_and_nothing_need_no_drawing() -> None:
    assert 'map "" $releaser_slot { default green; }' in include("127.0.0.1:8099", 7, {"blue": 0, "green": 100})
    assert 'map "" $releaser_slot { default none; }' in closed("127.0.0.1:8099")
    assert "split_clients" not in closed("127.0.0.1:8099")


def test_a_write_is_awaited_until_no_old_worker_answers() -> None:
    (asked,) = ROUTER.look(1004)
    assert (asked["url"], asked["expect"]) == ("http://127.0.0.1:8099/releaser", r"^generation 1004\b")
    assert asked["for"] >= 0.2
    assert "for" not in ROUTER.look()[0]


def test_what_the_endpoint_says_is_the_state() -> None:
    said = ROUTER.parse(["generation 1004 blue 95 green 5\n"], BOTH)
    assert said == RouterState(Split.of({OLD: 95, NEW: 5}), 1004)
    assert ROUTER.parse(["generation 0 blue 0 green 0\n"], ()) == RouterState(None, 0)
    with pytest.raises(FailedError, match="is not the generation endpoint") as caught:
        ROUTER.parse(["<html>"], BOTH)
    assert caught.value.fix == ("include /etc/nginx/releaser.conf in nginx's http block",)


def test_lines_are_added_up_by_slot() -> None:
    lines = {"blue 200": 90, "blue 404": 2, "green 200": 5, "green 502": 1, "green 504": 2, "none 503": 7}
    assert ROUTER.tally([json.dumps(lines)], BOTH) == {
        OLD: Counts(92, 0, 0),
        NEW: Counts(8, 3, 0, (("502", 1), ("504", 2))),
    }
    assert ROUTER.tally(["{}"], BOTH) == dict.fromkeys((OLD, NEW), Counts(0, 0, 0, (), Latency()))
    timed = {"blue 101 0.5": 3, "blue 101 10.0": 4, "blue 101 12.0": 2, "blue 101 inf": 1}
    assert ROUTER.tally([json.dumps(timed)], BOTH)[OLD].long == 3, "websockets that may be older than the split"
    assert ROUTER.count()[0]["kept"] == "/var/log/nginx/releaser.log.tally"


def test_a_whole_configuration_counts_each_request_once() -> None:
    text = configuration(
        listen=("127.0.0.1", 8080),
        directory="/srv/r",
        included="/srv/r/split.conf",
        log="/srv/r/requests.log",
        upstream="app",
        servers={"blue": ("127.0.0.1", 8001), "green": ("127.0.0.1", 8002)},
        timeout="15s",
    )
    assert "proxy_next_upstream off;" in text
    assert "upstream app_green { server 127.0.0.1:8002 max_fails=0; }" in text
    assert text.index("include /srv/r/split.conf;") < text.index("listen 127.0.0.1:8080;")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "include, log and status"),
        ({"managed": True}, "listen: 8080"),
        ({"managed": True, "listen": 8080, "status": "127.0.0.1:99999"}, "at most 65535"),
        ({"include": "/etc/x.conf; evil", "log": "/l", "status": "h:1"}, "pattern"),
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        NginxOptions.model_validate(given)
    with pytest.raises(ValueError, match="needs include"):
        NginxRouter(NginxOptions(managed=True, listen=8080))
