"""What does Traefik read? The file that holds the split, and the whole configuration of a Traefik that releaser runs itself.

Its files may be YAML, of which JSON is a part.
"""

import json
from collections.abc import Mapping
from typing import Any

from releaser.core.latency import EDGES
from releaser.core.values import SLOTS, Slot

__all__ = ["GENERATION_HEADER", "SAMPLE_PATH", "application", "install", "middleware", "split_file", "text"]

GENERATION_HEADER = "x-releaser-generation"
TRANSPORT = "releaser-once"
SAMPLE_PATH = "/.well-known/releaser"
"""Answered by Traefik itself (418, with the generation), so that asking it counts for no release."""


def middleware(service: str) -> str:
    """The name of the middleware that writes the generation into every answer."""
    return f"{service}-generation"


def split_file(
    service: str, services: Mapping[Slot, str], weights: Mapping[Slot, int], generation: int
) -> dict[str, Any]:
    """A weighted service and the generation. Both slots always stand there: Traefik forgets the counters of a service that
    is gone from its configuration, and one of weight 0 gets nothing.
    """
    shares = [{"name": services[slot], "weight": weights[slot]} for slot in SLOTS]
    header = {"customResponseHeaders": {GENERATION_HEADER: str(generation)}}
    return {
        "http": {
            "middlewares": {middleware(service): {"headers": header}},
            "services": {service: {"weighted": {"services": shares}}},
        }
    }


def application(
    service: str, services: Mapping[Slot, str], servers: Mapping[Slot, tuple[str, int]], timeout: str
) -> dict[str, Any]:
    """The route and the slots' servers. A new connection for each request: Go repeats one by itself when a connection that was
    kept alive turns out to be closed, and each request must count once.
    """
    once = {"maxIdleConnsPerHost": -1, "forwardingTimeouts": {"dialTimeout": "1s", "responseHeaderTimeout": timeout}}
    balancers = {
        services[slot]: {
            "loadBalancer": {
                "servers": [{"url": f"http://{address}:{port}"}],
                "serversTransport": TRANSPORT,
            }
        }
        for slot, (address, port) in sorted(servers.items())
    }
    route = {
        "entryPoints": ["users"],
        "rule": "PathPrefix(`/`)",
        "service": service,
        "middlewares": [middleware(service)],
    }
    sampled = {**route, "rule": f"Path(`{SAMPLE_PATH}`)", "service": "noop@internal"}
    routers = {"users": route, "sample": sampled}
    return {"http": {"routers": routers, "services": balancers, "serversTransports": {TRANSPORT: once}}}


def install(*, listen: tuple[str, int], api: tuple[str, int], directory: str) -> dict[str, Any]:
    """The part that is read once, at the start. Files are read 50 ms after the last change; Traefik's default is 2 s."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {
            "users": {"address": f"{listen[0]}:{listen[1]}", "transport": {"lifeCycle": {"graceTimeOut": "30s"}}},
            "traefik": {"address": f"{api[0]}:{api[1]}"},
        },
        "api": {"insecure": True, "dashboard": False},
        "metrics": {
            "prometheus": {
                "entryPoint": "traefik",
                "addServicesLabels": True,
                "addEntryPointsLabels": False,
                "buckets": list(EDGES),
            }
        },
        "providers": {"providersThrottleDuration": "50ms", "file": {"directory": directory, "watch": True}},
        "log": {"level": "WARN"},
    }


def text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
