"""What does HAProxy read? The configuration, generation map and state file of a HAProxy that releaser runs itself."""

from collections.abc import Mapping

from releaser.adapters.routers.haproxy_stat import LOG_FORMAT

__all__ = ["EMPTY_STATE", "GENERATION_KEY", "configuration", "generation_map"]

GENERATION_KEY = "generation"
EMPTY_STATE = "1\n"
"""A server-state file of format 1 without servers."""


def generation_map(generation: int) -> str:
    """One key, so that `show map` says which write this HAProxy applies."""
    return f"{GENERATION_KEY} {generation}\n"


def configuration(
    *,
    listen: tuple[str, int],
    socket: str,
    state_file: str,
    map_file: str,
    backend: str,
    servers: Mapping[str, tuple[str, int]],
    timeout: str,
    log: str | None = None,
) -> str:
    """A whole haproxy.cfg. Servers start with weight 0, so nothing serves (503) until a state file or a shift says so.

    No retries: each request must count once, for the release that got it. A new connection for each request: on one kept
    alive, the server's own closing would meet a request. Weights come back after a restart from the state file.
    """
    lines = [
        "global",
        f"  stats socket {socket} mode 600 level admin",
        f"  server-state-file {state_file}",
        "  fd-hard-limit 20000",
        "  hard-stop-after 30s",
        *_defaults(timeout),
        "frontend users",
        f"  bind {listen[0]}:{listen[1]}",
        *([f"  log {log} format raw local0", f'  log-format "{LOG_FORMAT}"'] if log else []),
        f"  http-after-response set-header x-releaser-generation %[str({GENERATION_KEY}),map({map_file},0)]",
        f"  default_backend {backend}",
        *_backend(backend, servers),
    ]
    return "\n".join(lines) + "\n"


def _defaults(timeout: str) -> list[str]:
    return [
        "defaults",
        "  mode http",
        "  timeout connect 1s",
        "  timeout client 300s",
        "  timeout http-keep-alive 300s",
        f"  timeout server {timeout}",
        "  timeout tunnel 1h",
        "  retries 0",
        "  load-server-state-from-file global",
    ]


def _backend(name: str, servers: Mapping[str, tuple[str, int]]) -> list[str]:
    return [
        f"backend {name}",
        "  balance roundrobin",
        "  option http-server-close",
        *(f"  server {server} {address}:{port} weight 0" for server, (address, port) in sorted(servers.items())),
    ]
