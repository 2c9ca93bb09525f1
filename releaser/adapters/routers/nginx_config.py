"""What does nginx read? The include that holds the split, and the whole configuration of an nginx that releaser runs itself."""

import re
from collections.abc import Mapping

from releaser.core.values import SLOTS, Slot

__all__ = ["GENERATION_PATH", "MARK", "closed", "configuration", "include", "mark"]

GENERATION_PATH = "/releaser"
MARK = re.compile(r"generation (?P<generation>\d+) blue (?P<blue>\d+) green (?P<green>\d+)")
"""What the generation endpoint answers: the very configuration that its worker applies."""
NOBODY = "none"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""What nginx buffers in files, each in a directory that only root may write unless it is named."""


def mark(generation: int, weights: Mapping[Slot, int]) -> str:
    """One line that says which write this is, and its shares in percent."""
    return f"generation {generation} " + " ".join(f"{slot} {weights[slot]}" for slot in SLOTS)


def include(status: str, generation: int, weights: Mapping[Slot, int]) -> str:
    """The file for the http block: the variables $releaser_slot and $releaser_generation, and the generation endpoint.

    split_clients takes no share of 0 %, and its `*` gets the rest. The key is random for each request, so that no user
    belongs to a slot, and two requests of one user are two drawings.
    """
    receiving = [slot for slot in SLOTS if weights[slot]]
    if len(receiving) == len(SLOTS):
        shares = f"  {weights['green']}% green;\n  * blue;\n"
        chosen = f'split_clients "$request_id" $releaser_slot {{\n{shares}}}\n'
    else:
        chosen = f'map "" $releaser_slot {{ default {receiving[0] if receiving else NOBODY}; }}\n'
    return (
        f"# written by releaser: {mark(generation, weights)}\n"
        f"{chosen}"
        f'map "" $releaser_generation {{ default {generation}; }}\n'
        "server {\n"
        f"  listen {status};\n"
        "  access_log off;\n"
        f'  location = {GENERATION_PATH} {{ default_type text/plain; return 200 "{mark(generation, weights)}\\n"; }}\n'
        "}\n"
    )


def closed(status: str) -> str:
    """Before the first release nobody answers."""
    return include(status, 0, {"blue": 0, "green": 0})


def configuration(
    *,
    listen: tuple[str, int],
    directory: str,
    included: str,
    log: str,
    upstream: str,
    servers: Mapping[Slot, tuple[str, int]],
    timeout: str,
) -> str:
    """A whole nginx.conf for an nginx in the foreground that needs no root. No retries: each request counts once, for the
    release that got it. max_fails=0: an application that fails is the judge's business, not nginx's.
    """
    lines = [
        "daemon off;",
        "worker_processes 2;",
        "worker_shutdown_timeout 30s;",
        f"pid {directory}/nginx.pid;",
        f"error_log {directory}/error.log warn;",
        "events { worker_connections 4096; }",
        "http {",
        *(f"  {name}_temp_path {directory}/temp-{name};" for name in TEMPORARY),
        "  access_log off;",
        "  log_format releaser '$releaser_slot $status $request_time $upstream_addr';",
        "  server_tokens off;",
        *(
            f"  upstream {upstream}_{slot} {{ server {address}:{port} max_fails=0; }}"
            for slot, (address, port) in sorted(servers.items())
        ),
        '  map $http_upgrade $releaser_upgrade { default upgrade; "" ""; }',
        f"  include {included};",
        *(f"  {line}" for line in _server(listen, log, upstream, timeout)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _server(listen: tuple[str, int], log: str, upstream: str, timeout: str) -> list[str]:
    """What users reach: each request goes to the slot that the include has drawn for it, once."""
    return [
        "server {",
        f"  listen {listen[0]}:{listen[1]};",
        f"  access_log {log} releaser;",
        "  keepalive_timeout 300s;",
        "  keepalive_requests 1000000;",
        "  location / {",
        "    add_header x-releaser-generation $releaser_generation always;",
        f"    if ($releaser_slot = {NOBODY}) {{ return 503; }}",
        f"    proxy_pass http://{upstream}_$releaser_slot;",
        "    proxy_http_version 1.1;",
        "    proxy_set_header Upgrade $http_upgrade;",
        "    proxy_set_header Connection $releaser_upgrade;",
        "    proxy_set_header Host $http_host;",
        "    proxy_next_upstream off;",
        "    proxy_connect_timeout 1s;",
        f"    proxy_read_timeout {timeout};",
        "  }",
        "}",
    ]
