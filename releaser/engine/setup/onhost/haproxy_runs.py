"""Does the running HAProxy let this user shift a backend? Run by itself as `python3 -`. Python 3.7.

WANTED SECONDS: exit 0 as soon as its socket answers with the map and all servers, 1 with why not. WANTED as haproxy_cfg.py.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any


def wait(wanted: dict[str, Any], until: float) -> str | None:
    """None when it answers, else why it does not."""
    while True:
        try:
            why = missing(wanted)
        except OSError as error:
            why = f"{wanted['socket']}: {error.strerror or error}"
        if why is None or time.monotonic() > until:
            return why
        time.sleep(0.1)


def missing(wanted: dict[str, Any]) -> str | None:
    if "generation " not in said(wanted["socket"], f"show map {wanted['map']}"):
        return f"the running HAProxy does not know the map {wanted['map']}"
    state = said(wanted["socket"], f"show servers state {wanted['backend']}")
    absent = [name for name in wanted["servers"] if f" {name} " not in state]
    return f"the running HAProxy has no server {absent[0]} in {wanted['backend']}" if absent else None


def said(path: str, command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2.0)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")


def main(wanted: str, seconds: str) -> int:
    why = wait(json.loads(wanted), time.monotonic() + float(seconds))
    if why:
        sys.stdout.write(f"{why}\n")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
