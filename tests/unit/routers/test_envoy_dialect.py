import json
from typing import Any

import pytest
from pydantic import ValidationError

from releaser.adapters.routers.envoy import EnvoyOptions, EnvoyRouter
from releaser.adapters.routers.envoy_config import bootstrap, closed_routes, discovery_response, seconds
from releaser.core.latency import Latency
from releaser.core.values import Binding, Counts, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

OLD, NEW = "1.4.1-00000001", "1.4.2-00000002"
BOTH: Binding = (("blue", OLD), ("green", NEW))
OPTIONS = EnvoyOptions(
    admin="127.0.0.1:9901", rds="/srv/shop/routes.json", clusters={"blue": "shop.b", "green": "shop.g"}
)
ROUTER = EnvoyRouter(OPTIONS)

ROUTES: dict[str, Any] = {
    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "name": "releaser",
    "virtual_hosts": [
        {
            "name": "all",
            "domains": ["*"],
            "routes": [
                {
                    "match": {"prefix": "/"},
                    "route": {
                        "weighted_clusters": {
                            "clusters": [{"name": "shop.b", "weight": 95}, {"name": "shop.g", "weight": 5}]
                        },
                        "timeout": "15s",
                    },
                    "metadata": {"filter_metadata": {"releaser": {"generation": 1004}}},
                }
            ],
        }
    ],
    "response_headers_to_add": [
        {
            "header": {"key": "x-releaser-generation", "value": "1004"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    ],
}


def dump(routes: dict[str, Any]) -> str:
    """As the admin port answers it."""
    return json.dumps({"configs": [{"version_info": "1004", "route_config": routes, "last_updated": "now"}]}, indent=1)


def test_a_write_is_one_file_renamed_into_place() -> None:
    (operation,) = ROUTER.write(Split.of({OLD: 95, NEW: 5}), BOTH, 1004)
    text = operation["text"]
    assert {**operation, "text": json.loads(text)} == {
        "do": "replace",
        "path": "/srv/shop/routes.json",
        "text": {"version_info": "1004", "resources": [ROUTES]},
        "mode": 0o644,
    }


def test_the_same_write_is_the_same_text() -> None:
    split = Split.of({OLD: 95, NEW: 5})
    assert ROUTER.write(split, BOTH, 1004) == ROUTER.write(split, BOTH, 1004)


def test_a_look_waits_for_its_generation() -> None:
    assert ROUTER.look(1004) == (
        {
            "do": "http",
            "url": "http://127.0.0.1:9901/config_dump?resource=dynamic_route_configs&name_regex=%5Ereleaser%24",
            "expect": r'"generation": ?1004\b',
            "within": 2.0,
        },
    )
    assert ROUTER.look()[0]["expect"] == '"route_config"'


def test_what_it_wrote_it_reads() -> None:
    assert ROUTER.parse([dump(ROUTES)], BOTH) == RouterState(Split.of({OLD: 95, NEW: 5}), 1004)


def test_closed_routes_read_as_nothing_serves() -> None:
    assert ROUTER.parse([dump(closed_routes("releaser"))], ()) == RouterState(None, 0)
    route = closed_routes("releaser")["virtual_hosts"][0]["routes"][0]
    assert route["direct_response"]["status"] == 503
    assert discovery_response({"a": 1}, 7) == {"version_info": "7", "resources": [{"a": 1}]}


def test_a_route_that_somebody_else_wrote_to_one_of_the_clusters_is_understood() -> None:
    routes = {"virtual_hosts": [{"routes": [{"route": {"cluster": "shop.b"}}]}]}
    assert ROUTER.parse([dump(routes)], BOTH) == RouterState(Split.all_to(OLD), 0)


def test_a_cluster_of_somebody_else_is_a_stranger() -> None:
    routes = {"virtual_hosts": [{"routes": [{"route": {"cluster": "billing"}}]}]}
    with pytest.raises(FailedError, match="billing, which is none of") as caught:
        ROUTER.parse([dump(routes)], BOTH)
    assert caught.value.code == "stranger"


@pytest.mark.parametrize("reply", ["", "404", "[]", "{}", '{"configs": []}', dump({"virtual_hosts": []})])
def test_other_answers_are_a_failure_in_words(reply: str) -> None:
    with pytest.raises(FailedError, match="Envoy"):
        ROUTER.parse([reply], BOTH)


def test_counting_asks_for_both_clusters_only() -> None:
    (operation,) = ROUTER.count()
    assert operation["url"] == (
        "http://127.0.0.1:9901/stats?format=json&histogram_buckets=detailed"
        "&filter=%5Ecluster%5C.%28shop%5C.b%7Cshop%5C.g%29%5C."
        "%28upstream_rq_completed%7Cupstream_rq_5xx%7Cupstream_rq_active%7Cupstream_rq_pending_active"
        "%7Cupstream_rq_pending_failure_eject%7Cupstream_cx_destroy_remote_with_active_rq%7Cupstream_rq_rx_reset"
        "%7Cupstream_rq_timeout%7Cupstream_rq_time%29%24"
    )


def stats(**values: int) -> str:
    named = [{"name": f"cluster.shop.b.upstream_rq_{name}", "value": value} for name, value in values.items()]
    return json.dumps({"stats": [*named, {"histograms": {}}]})


def test_a_tally_adds_what_waits_to_what_runs_and_takes_missing_counters_as_untouched() -> None:
    reply = stats(**{"completed": 40, "5xx": 3, "active": 2, "pending_active": 1})
    untimed = Latency()
    assert ROUTER.tally([reply], BOTH) == {
        OLD: Counts(40, 3, 3, (("5xx", 3),), untimed),
        NEW: Counts(0, 0, 0, (), untimed),
    }


def test_more_failures_than_requests_are_refused() -> None:
    with pytest.raises(FailedError, match="3 failed of 2 completed"):
        ROUTER.tally([stats(**{"completed": 2, "5xx": 3})], BOTH)


def test_the_bootstrap_has_no_retries_and_reads_the_watched_file() -> None:
    whole = bootstrap(
        listen=("127.0.0.1", 8080),
        admin=("127.0.0.1", 9901),
        rds="/srv/shop/routes.json",
        name="releaser",
        upstreams={"blue": ("127.0.0.1", 8001), "green": ("127.0.0.1", 8002)},
    )
    assert "retry" not in json.dumps(whole)
    (listener,) = whole["static_resources"]["listeners"]
    connections = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert listener["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 8080}}
    assert connections["rds"] == {
        "route_config_name": "releaser",
        "config_source": {"resource_api_version": "V3", "path_config_source": {"path": "/srv/shop/routes.json"}},
    }
    blue, green = whole["static_resources"]["clusters"]
    assert (blue["name"], green["name"]) == ("blue", "green")
    assert blue["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"] == {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 8001}}
    }
    assert whole["admin"] == {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9901}}}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "admin: HOST:PORT and rds: PATH"),
        ({"managed": True}, "listen: 8080"),
        ({"managed": True, "listen": 0}, "greater than or equal to 1"),
        ({"managed": True, "listen": 8080, "timeout": "15"}, "String should match"),
        ({"managed": True, "listen": 8080, "clusters": {"blue": "a", "green": "a"}}, "another one for green"),
        ({"managed": True, "listen": 8080, "clusters": {"blue": "a"}}, "another one for green"),
        ({"managed": True, "listen": 8080, "admin": "127.0.0.1:99999"}, "at most 65535"),
        ({"managed": True, "listen": 8080, "route": "a b"}, "String should match"),
        ({"managed": True, "listen": 8080, "lissten": 1}, "Extra inputs"),
    ],
)
def test_options_that_do_not_hold_together_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        EnvoyOptions.model_validate({"kind": "envoy", **wrong})


def test_envoy_gets_its_times_in_seconds() -> None:
    assert [seconds(text) for text in ("250ms", "15s", "2m", "5000s")] == ["0.25s", "15s", "120s", "5000s"]
    with pytest.raises(ValueError, match="not a duration"):
        seconds("2h")


def test_the_dialect_needs_to_know_where_to_write_and_ask() -> None:
    with pytest.raises(ValueError, match="admin and rds"):
        EnvoyRouter(EnvoyOptions(managed=True, listen=8080))
