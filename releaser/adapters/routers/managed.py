"""A router that releaser itself runs on this machine: its port for us chosen once, its files laid out."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from releaser.adapters.routers.managed_kinds import LOOPBACK, ManagedRouter, Options, render
from releaser.adapters.routers.managed_program import binary
from releaser.core.values import Slot

__all__ = ["lay_out", "managed"]

ANSWERS_ON = {"envoy": "admin", "haproxy": "log", "nginx": "status", "traefik": "api"}
"""The option that names the port on which a router answers us; HAProxy has a socket, and a port where its log is heard."""


def managed(options: Options, directory: Path, ports: Mapping[Slot, int]) -> ManagedRouter:
    """`directory` is the router's own, absolute; `ports` are the slots' on this machine. Writes nothing. Raises ConfigError.

    A port that had to be chosen is among the files to lay out, so that whoever comes later finds the router that runs.
    """
    program, inside = binary(options.kind), ANSWERS_ON[options.kind]
    if getattr(options, inside) is not None:
        return render(options, directory, ports, binary=program)
    file = directory / f"{inside}.port"
    port = int(file.read_text()) if file.exists() else _free_port()
    router = render(options, directory, ports, binary=program, admin=port)
    return replace(router, kept={**router.kept, str(file): f"{port}\n"})


def lay_out(router: ManagedRouter) -> None:
    """Write the files before a start. Safe to repeat, also while the router runs."""
    for name, text in router.fresh.items():
        _replace(Path(name), text)
    for name, text in router.kept.items():
        if not Path(name).exists():
            _replace(Path(name), text)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as free:
        return int(free.getsockname()[1])


def _replace(path: Path, text: str) -> None:
    """What is right already is left alone: it takes no room on a full disk."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
