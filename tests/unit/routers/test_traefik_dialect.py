import json
from typing import Any

import pytest
from pydantic import ValidationError

from releaser.adapters.routers.traefik import Sample, TraefikOptions, TraefikRouter
from releaser.adapters.routers.traefik_config import application, install
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))
OPTIONS = TraefikOptions(
    api="127.0.0.1:8081",
    file="/etc/traefik/dynamic/shop.yml",
    service="shop",
    services={"blue": "shop-blue", "green": "shop-green"},
    sample=Sample(url="http://127.0.0.1/.well-known/releaser", host="shop.example.com"),
)
ROUTER = TraefikRouter(OPTIONS, ["web1", "web2"])
METRICS = """\
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="shop-blue@file"} 90
traefik_service_requests_total{code="404",method="GET",protocol="http",service="shop-blue@file"} 2
traefik_service_requests_total{code="200",method="POST",protocol="http",service="shop-green@file"} 1.2e+06
traefik_service_requests_total{code="502",method="GET",protocol="http",service="shop-green@file"} 3
traefik_service_requests_total{code="500",method="GET",protocol="http",service="other@file"} 9
"""


def said(generation: int, **weights: int) -> str:
    """What /api/rawdata answers, as far as it concerns us."""
    headers = {"customResponseHeaders": {"x-releaser-generation": str(generation)}}
    shares = [{"name": f"shop-{slot}", "weight": weight} for slot, weight in weights.items()]
    whole: dict[str, Any] = {
        "middlewares": {"shop-generation@file": {"headers": headers, "status": "enabled"}},
        "services": {"shop@file": {"weighted": {"services": shares}, "status": "enabled"}},
    }
    return json.dumps(whole)


def test_a_write_is_one_file() -> None:
    (written,) = ROUTER.write(Split.of({OLD: 95, NEW: 5}), BOTH, 1004)
    assert written["path"] == "/etc/traefik/dynamic/shop.yml"
    http = json.loads(written["text"])["http"]
    assert http["services"]["shop"]["weighted"]["services"] == [
        {"name": "shop-blue", "weight": 95},
        {"name": "shop-green", "weight": 5},
    ]
    header = {"x-releaser-generation": "1004"}
    assert http["middlewares"]["shop-generation"]["headers"]["customResponseHeaders"] == header


def test_what_was_read_is_asked_of_the_api_and_what_is_done_of_the_way_that_users_come() -> None:
    read, sampled = ROUTER.look(1004)
    assert read["url"] == "http://127.0.0.1:8081/api/rawdata"
    assert sampled == {
        "do": "sample",
        "url": "http://127.0.0.1/.well-known/releaser",
        "host": "shop.example.com",
        "header": "x-releaser-generation",
        "value": "1004",
        "times": 10,
        "within": 10.0,
    }
    assert len(ROUTER.look()) == 1
    assert ROUTER.parse([said(1004, blue=95, green=5), "20"], BOTH) == RouterState(Split.of({OLD: 95, NEW: 5}), 1004)
    assert ROUTER.parse([said(0, blue=0, green=0)], ()) == RouterState(None, 0)


def test_what_the_api_does_not_know_is_named() -> None:
    with pytest.raises(FailedError, match="does not know the weighted service shop") as caught:
        ROUTER.parse(['{"services": {}}'], BOTH)
    assert caught.value.fix == (
        "put /etc/traefik/dynamic/shop.yml into the directory that Traefik's file provider watches",
    )
    with pytest.raises(FailedError, match="did not answer with JSON"):
        ROUTER.parse(["404 page not found"], BOTH)
    with pytest.raises(FailedError, match="sends requests to shop-canary") as stranger:
        ROUTER.parse([said(7, canary=5, blue=95)], BOTH)
    assert stranger.value.code == "stranger"


def test_requests_are_added_up_by_service() -> None:
    assert ROUTER.tally([METRICS], BOTH) == {OLD: Counts(92, 0, 0), NEW: Counts(1200003, 3, 0, (("502", 3),))}
    assert ROUTER.tally([""], BOTH) == {OLD: Counts(0, 0, 0), NEW: Counts(0, 0, 0)}


def test_a_managed_one_counts_each_request_once_and_reads_at_once() -> None:
    behind = application("shop", OPTIONS.services, {"blue": ("127.0.0.1", 8001), "green": ("127.0.0.1", 8002)}, "15s")
    assert behind["http"]["serversTransports"]["releaser-once"]["maxIdleConnsPerHost"] == -1
    assert behind["http"]["services"]["shop-green"]["loadBalancer"]["servers"] == [{"url": "http://127.0.0.1:8002"}]
    assert behind["http"]["routers"]["sample"]["service"] == "noop@internal"
    whole = install(listen=("127.0.0.1", 8080), api=("127.0.0.1", 8081), directory="/srv/r/watched")
    assert whole["providers"]["providersThrottleDuration"] == "50ms"
    assert whole["global"] == {"checkNewVersion": False, "sendAnonymousUsage": False}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "api: HOST:PORT, file: PATH and sample"),
        ({"api": "h:1", "file": "/etc/shop.yml", "sample": {"url": "https://h/"}}, "pattern"),
        ({"managed": True}, "listen: 8080"),
        ({"managed": True, "listen": 8080, "api": "127.0.0.1:99999"}, "at most 65535"),
        ({"managed": True, "listen": 8080, "services": {"blue": "a", "green": "a"}}, "one service for blue"),
        ({"api": "h:1", "file": "/etc/traefik/shop.json"}, "pattern"),
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TraefikOptions.model_validate(given)
    with pytest.raises(ValueError, match="needs api"):
        TraefikRouter(TraefikOptions(managed=True, listen=8080))
