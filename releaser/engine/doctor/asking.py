"""What is each host asked? One order a host, made from the environment alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import dirname
from typing import Any

from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.routers.traefik_config import middleware
from releaser.config.environment import Environment, Target
from releaser.shell import Shell
from releaser.shell.questions import Question

__all__ = ["Asked", "asked_of"]

REPLACED: Mapping[str, tuple[str, ...]] = {
    "haproxy": ("state_file", "map"),
    "nginx": ("include", "log"),
    "envoy": ("rds",),
    "traefik": ("file",),
}
"""The options of each kind of router that name files which a shift replaces: their directories must be writable."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One host in one target: what it is there, and what it is asked."""

    label: str
    """For people: the host, with its target where there are several."""
    target: str
    host: str
    runs: bool
    """Whether slots of the target are on it."""
    routes: bool
    """Whether it is a router's host."""
    ssh: bool
    """Whether it is reached by SSH; else it is this machine."""
    sudo: bool
    """Whether `sudo` makes another user of whoever logs in."""
    roles: tuple[tuple[str, str], ...]
    """(what for, path) of each place that must be writable."""
    request: Mapping[str, Any]

    def question(self, shell: Shell) -> Question[dict[str, Any]]:
        return Question(shell, "doctor.host", self.request, dict)


def asked_of(environment: Environment, paths: Mapping[str, str]) -> tuple[Asked, ...]:
    """Every host of every target and router, once a target. `paths` is the path of each target, as its hosts read it."""
    several = len(environment.targets) > 1
    found: list[Asked] = []
    for name, target in environment.targets.items():
        options: Any = target.options
        behind = [host.name for host in options.hosts]
        for host in [*behind, *(one for one in target.router.hosts if one not in behind)]:
            label = f"{name}/{host}" if several else host
            found.append(_asked(label, name, target, host, paths[name], runs=host in behind))
    if environment.secrets.at_rest == "sealed":
        return tuple(map(_with_sealing, found))
    return tuple(found)


def _with_sealing(asked: Asked) -> Asked:
    """Units that open sealed secrets need a line of their own, and the right to seal."""
    target = asked.request.get("target")
    if not target or target["unit"] is None:
        return asked
    unit = {**target["unit"], "sealed": True}
    return replace(asked, request={**asked.request, "target": {**target, "unit": unit}})


def _asked(label: str, name: str, target: Target, host: str, path: str, *, runs: bool) -> Asked:
    options: Any = target.options
    routes = host in target.router.hosts
    roles = [("path", path), ("own", f"{path}/.releaser")] if runs else []
    if routes:
        roles += _router_roles(target, path)
    request: dict[str, Any] = {"places": [place for _, place in roles]}
    if runs and isinstance(options, HostsOptions):
        request["target"] = {"path": path, "ports": options.ports_of(host), "unit": options.run.unit()}
    if routes and not target.router.managed:
        request["router"] = _router_request(target.router.kind, target.router.options)
    ssh = target.connection == "ssh"
    sudo = ssh and target.ssh is not None and target.ssh.sudo is not None
    return Asked(label, name, host, runs, routes, ssh, sudo, tuple(roles), request)


def _router_roles(target: Target, path: str) -> Iterator[tuple[str, str]]:
    yield "state", target.router.state or f"{path}/.releaser/router"
    if target.router.managed:
        return
    said = target.router.options
    named = [getattr(said, option, None) for option in REPLACED.get(target.router.kind, ())]
    yield from (("files", folder) for folder in dict.fromkeys(dirname(file) for file in named if file))


def _router_request(kind: str, options: Any) -> Mapping[str, Any] | None:
    if kind == "haproxy":
        return {"haproxy": {"socket": options.socket, "map": options.map}}
    if kind == "nginx":
        return {"nginx": {"test": list(options.test)}}
    if kind == "envoy":
        return {"envoy": {"admin": options.admin, "rds": options.rds, "route": options.route}}
    if kind == "traefik":
        asked = {"url": options.sample.url, "host": options.sample.host}
        named = {"service": options.service, "middleware": middleware(options.service)}
        return {"traefik": {"api": options.api, "file": options.file, "sample": asked, **named}}
    return None
