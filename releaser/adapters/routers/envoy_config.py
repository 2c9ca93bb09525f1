"""What does Envoy read? Its bootstrap and its route configuration, as plain objects and as exact text."""

import json
from collections.abc import Mapping
from typing import Any

from releaser.core.values import SLOTS, Slot

__all__ = ["Clusters", "bootstrap", "closed_routes", "discovery_response", "open_routes", "seconds", "text"]

Clusters = Mapping[Slot, str]
TYPE = "type.googleapis.com/envoy."
ROUTES = TYPE + "config.route.v3.RouteConfiguration"
CONNECTIONS = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER_FILTER = TYPE + "extensions.filters.http.router.v3.Router"
HTTP_OPTIONS = TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"

GENERATION_HEADER = "x-releaser-generation"
NOTHING_SERVES = "no release serves here yet\n"
UPSTREAM_IDLE = "1.5s"
"""Below the keep-alive time of application servers (2 s and 5 s are common): who closes first must be Envoy, else a
request meets a connection that is just being closed, and fails."""
NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}
PLENTY = 1_000_000
"""Envoy's own limits (1024 requests and connections a cluster) would answer 503 for a slow release before the release does."""


def text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def seconds(duration: str) -> str:
    """Envoy knows seconds only: "250ms" is "0.25s", "2m" is "120s"."""
    for unit, size in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
        if duration.removesuffix(unit).isdigit():
            return f"{int(duration.removesuffix(unit)) * size:g}s"
    raise ValueError(f"{duration!r} is not a duration")


def open_routes(
    name: str, clusters: Clusters, shares: Mapping[Slot, int], generation: int, timeout: str
) -> dict[str, Any]:
    """Both clusters by weight, in whole percents; `timeout` ("15s", seconds only) turns a request that hangs into a 504. No retries:
    each request must count once, for the release that got it.
    """
    weights = [{"name": clusters[slot], "weight": shares[slot]} for slot in SLOTS]
    route = {
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"clusters": weights}, "timeout": timeout},
    }
    return _routes(name, route, generation)


def closed_routes(name: str) -> dict[str, Any]:
    """Nothing serves yet, which is generation 0: every request gets 503. (Envoy refuses two weights of 0.)"""
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": NOTHING_SERVES}},
    }
    return _routes(name, route, 0)


def _routes(name: str, route: Mapping[str, Any], generation: int) -> dict[str, Any]:
    """The generation stands in the configuration, since Envoy keeps the old version_info where the routes are the same."""
    marked = {**route, "metadata": {"filter_metadata": {"releaser": {"generation": generation}}}}
    header = {"header": {"key": GENERATION_HEADER, "value": str(generation)}}
    return {
        "@type": ROUTES,
        "name": name,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [marked]}],
        "response_headers_to_add": [{**header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }


def discovery_response(routes: Mapping[str, Any], generation: int) -> dict[str, Any]:
    """What the watched file holds."""
    return {"version_info": str(generation), "resources": [routes]}


def bootstrap(
    *, listen: tuple[str, int], admin: tuple[str, int], rds: str, name: str, upstreams: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    """A whole Envoy: one listener, the routes from a watched file, one static cluster per upstream."""
    return {
        "node": {"id": "releaser", "cluster": "releaser"},
        "admin": {"address": _address(admin)},
        "stats_flush_interval": "1s",  # so old are the histograms at most; 5 s is the default
        "static_resources": {
            "listeners": [
                {"name": "in", "address": _address(listen), "filter_chains": [{"filters": [_connections(rds, name)]}]}
            ],
            "clusters": [_cluster(cluster, address) for cluster, address in sorted(upstreams.items())],
        },
    }


def _connections(rds: str, name: str) -> dict[str, Any]:
    """Envoy does what the x-envoy-* headers of "internal" clients say, and by default those of private addresses are: one
    could ask for retries, or for a time-out of 1 ms that counts against a release. So nobody is internal.
    """
    source = {"resource_api_version": "V3", "path_config_source": {"path": rds}}
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": CONNECTIONS,
            "stat_prefix": "in",
            "use_remote_address": True,
            "internal_address_config": {"cidr_ranges": [NOBODY]},
            "preserve_external_request_id": True,
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "server_header_transformation": "PASS_THROUGH",
            "rds": {"route_config_name": name, "config_source": source},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER_FILTER}}],
        },
    }


def _cluster(name: str, address: tuple[str, int]) -> dict[str, Any]:
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), PLENTY)
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP_OPTIONS,
                "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(address)}}]}],
        },
    }


def _address(address: tuple[str, int]) -> dict[str, Any]:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}
