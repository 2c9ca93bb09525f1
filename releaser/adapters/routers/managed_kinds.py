"""What does each kind of router need to run on this machine? Files, a command, a sign of life, a dialect; all of it as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from releaser.adapters.routers import envoy_config, haproxy_config, nginx_config, traefik_config
from releaser.adapters.routers.dialect import Dialect, Recipe
from releaser.adapters.routers.envoy import EnvoyOptions, EnvoyRouter
from releaser.adapters.routers.haproxy import HAProxyOptions, HAProxyRouter
from releaser.adapters.routers.nginx import NginxOptions, NginxRouter
from releaser.adapters.routers.traefik import Sample, TraefikOptions, TraefikRouter
from releaser.core.values import SLOTS, Slot
from releaser.errors import ConfigError

__all__ = ["LOOPBACK", "Kind", "ManagedRouter", "Options", "render"]

Kind = Literal["envoy", "haproxy", "nginx", "traefik"]
Options = EnvoyOptions | HAProxyOptions | NginxOptions | TraefikOptions
LOOPBACK = "127.0.0.1"
ANSWER_WITHIN = 2.0
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


def render(
    options: Options,
    directory: Path,
    ports: Mapping[Slot, int],
    *,
    binary: str,
    admin: int | None = None,
) -> ManagedRouter:
    """Pure. `admin` is the port on which the router answers us (Envoy's admin interface, nginx's generation endpoint, Traefik's
    API) or HAProxy's log is heard, where `options` names none.
    """
    upstreams: dict[Slot, tuple[str, int]] = {slot: (LOOPBACK, ports[slot]) for slot in SLOTS}
    if isinstance(options, EnvoyOptions):
        return _envoy(options, directory, upstreams, binary, options.admin or f"{LOOPBACK}:{admin}")
    if isinstance(options, NginxOptions):
        return _nginx(options, directory, upstreams, binary, options.status or f"{LOOPBACK}:{admin}")
    if isinstance(options, TraefikOptions):
        return _traefik(options, directory, upstreams, binary, options.api or f"{LOOPBACK}:{admin}")
    return _haproxy(options, directory, upstreams, binary, options.log or (f"{LOOPBACK}:{admin}" if admin else None))


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
    log: str | None,
) -> ManagedRouter:
    config, control = str(directory / "haproxy.cfg"), _bindable(options.socket or str(directory / "haproxy.sock"))
    state = options.state_file or str(directory / "servers.state")
    mapped = options.map or str(directory / "generation.map")
    whole = haproxy_config.configuration(
        listen=_listen(options),
        socket=control,
        state_file=state,
        map_file=mapped,
        backend=options.backend,
        servers={_server(options, slot): upstreams[slot] for slot in SLOTS},
        timeout=options.timeout,
        log=log,
    )
    info = {"do": "socket", "path": control, "send": "show info", "expect": "Name: HAProxy.*", "within": ANSWER_WITHIN}
    told = {"socket": control, "state_file": state, "map": mapped, "log": log}
    return ManagedRouter(
        kind="haproxy",
        argv=(binary, "-db", "-f", config),
        fresh={config: whole},
        kept={state: haproxy_config.EMPTY_STATE, mapped: haproxy_config.generation_map(0)},
        ready=(info,),
        dialect=HAProxyRouter(options.model_copy(update=told)),
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


def _traefik(
    options: TraefikOptions,
    directory: Path,
    upstreams: Mapping[Slot, tuple[str, int]],
    binary: str,
    api: str,
) -> ManagedRouter:
    install, watched = str(directory / "traefik.yml"), directory / "watched"
    file = options.file or str(watched / "split.yml")
    host, _, port = api.rpartition(":")
    whole = traefik_config.install(listen=_listen(options), api=(host, int(port)), directory=str(watched))
    behind = traefik_config.application(options.service, options.services, upstreams, options.timeout)
    address, users = _listen(options)
    reached = LOOPBACK if address == "0.0.0.0" else address  # noqa: S104 - compared, not bound
    sample = Sample(url=f"http://{reached}:{users}{traefik_config.SAMPLE_PATH}")
    closed = traefik_config.split_file(options.service, options.services, dict.fromkeys(SLOTS, 0), 0)
    return ManagedRouter(
        kind="traefik",
        argv=(binary, f"--configFile={install}"),
        fresh={install: traefik_config.text(whole), str(watched / "app.yml"): traefik_config.text(behind)},
        kept={file: traefik_config.text(closed)},
        ready=(
            {
                "do": "http",
                "url": f"http://{api}/api/rawdata",
                "expect": f'"{options.service}@file"',
                "within": ANSWER_WITHIN,
            },
        ),
        dialect=TraefikRouter(options.model_copy(update={"api": api, "file": file, "sample": sample})),
    )


def _listen(options: Options) -> tuple[str, int]:
    if options.listen is None:
        raise ConfigError("a router that releaser runs needs the port that users reach", fix=("router.listen: 8080",))
    return (options.address, options.listen)


def _bindable(socket: str) -> str:
    """The path itself, if a Unix socket can have it."""
    if len(socket.encode()) > SOCKET_LENGTH:
        raise ConfigError(
            f"the path of HAProxy's socket is longer than {SOCKET_LENGTH} bytes: {socket}",
            fix=("use a shorter path for the environment", "name a short one in router.socket"),
            code="socket-path",
        )
    return socket


def _server(options: HAProxyOptions, slot: Slot) -> str:
    return options.server.replace("{host}", "local").replace("{slot}", slot)
