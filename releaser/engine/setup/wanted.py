"""What does each host of an environment need? PURE: from the environment and what was asked for to one Preparation a host."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from releaser.config.environment import Environment, Ssh, Target
from releaser.core.values import SLOTS
from releaser.engine.setup import haproxy, hosts, units
from releaser.engine.setup.steps import Preparation, Step
from releaser.errors import ConfigError

__all__ = ["Asked", "preparations"]

PLAIN = re.compile(r"(?:~/|/)[A-Za-z0-9_./@+:,=-]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line adds to the environment."""

    start: str | None = None
    """How the application starts, for a template unit that is not there yet."""
    service_user: str | None = None
    """Whom that unit runs it as; None: whoever releases."""
    authorize: tuple[str, str] | None = None
    """(a public key's line, its fingerprint) that shall be let in."""
    haproxy_config: str | None = None
    haproxy_reload: str | None = None


def preparations(environment: Environment, me: str, asked: Asked) -> tuple[Preparation, ...]:
    """Sorted by host; a host that several targets name stands there once. `me` releases where no user is named.

    Raises ConfigError for a path that no script should have to quote.
    """
    found: dict[str, Preparation] = {}
    for one in _all(environment, me, asked):
        found[one.host] = found[one.host].joined(one) if one.host in found else one
    return tuple(found[host] for host in sorted(found))


def _all(environment: Environment, me: str, asked: Asked) -> Iterator[Preparation]:
    for name, target in environment.targets.items():
        ssh = target.ssh or Ssh()
        login = ssh.user or me
        worker = ssh.sudo or login
        common = _common(name, target, ssh, login, worker, asked)
        become = _become(environment, name, login, ssh)
        for host in target.options.hosts:
            yield Preparation(host.name, (*common, *become, *_slots(environment, name, target, worker, asked)))
        for at in target.router.hosts:
            yield Preparation(at, (*common, *become, *_guard(environment, name, target, worker, ssh.python)))
            if target.router.kind == "haproxy" and not target.router.managed:
                steps = haproxy.steps(_haproxy(environment, target, worker, ssh.python, asked))
                yield Preparation(at, steps, haproxy.PROGRAMS)


def _common(name: str, target: Target, ssh: Ssh, login: str, worker: str, asked: Asked) -> tuple[Step, ...]:
    """Who works there, and where. On this machine whoever releases is there already, and makes what lies below ./ himself."""
    if target.connection == "local" and not target.options.path.startswith("/"):
        return ()
    path = _plain(target.options.path, f"targets.{name}.path")
    return (
        hosts.python(ssh.python),
        hosts.account(login),
        *_keys(login, asked),
        *_account(worker, login),
        hosts.directory(path, worker),
    )


def _plain(path: str, where: str) -> str:
    if not PLAIN.fullmatch(path):
        raise ConfigError(
            f"{where} {path[:80]!r} has characters that setup does not put into scripts; choose a plainer one"
        )
    return path


def _keys(login: str, asked: Asked) -> tuple[Step, ...]:
    return (hosts.key(login, *asked.authorize),) if asked.authorize else ()


def _account(worker: str, login: str) -> tuple[Step, ...]:
    return () if worker in (login, "root") else (hosts.service_account(worker),)


def _become(environment: Environment, name: str, login: str, ssh: Ssh) -> tuple[Step, ...]:
    """Sudo to whoever does the work, where that is somebody else."""
    if ssh.sudo is None or login == "root":
        return ()
    python = ssh.python if ssh.python.startswith("/") else f"/usr/bin/{ssh.python}"
    return (hosts.sudoers(f"releaser-{environment.name}-{name}-become", login, [(ssh.sudo, python)]),)


def _slots(environment: Environment, name: str, target: Target, worker: str, asked: Asked) -> Iterator[Step]:
    """What runs the slots: rights for systemd and its template unit; a command needs nothing."""
    options: Any = target.options
    if options.run.systemd is None:
        return
    if asked.service_user:
        yield hosts.service_account(asked.service_user)
    yield hosts.group(worker, "systemd-journal", "to read the application's output")
    sealed = environment.secrets.kept == "sealed"
    if options.run.sudo and worker != "root":
        orders = hosts.unit_orders(options.run.systemd, sealed=sealed)
        yield hosts.sudoers(f"releaser-{environment.name}-{name}", worker, orders)
    if asked.start and not options.path.startswith("/"):
        raise ConfigError("a unit needs an absolute path; write path: /srv/... into the environment", code="path")
    yield units.application(
        options.run.systemd,
        app=environment.app,
        path=options.path,
        user=asked.service_user or worker,
        start=asked.start,
        drain=environment.fleet.drain,
        sealed=sealed,
    )


def _guard(environment: Environment, name: str, target: Target, worker: str, python: str) -> tuple[Step, ...]:
    """Only for a place that a unit can name."""
    path = target.options.path
    if target.router.managed or not path.startswith("/"):
        return ()
    root = f"{path}/.releaser"
    state = target.router.state or f"{root}/router"
    return (units.guard(environment.name, name, user=worker, state=state, root=root, python=python),)


def _haproxy(environment: Environment, target: Target, worker: str, python: str, asked: Asked) -> haproxy.HAProxy:
    options: Any = target.router.options
    behind: Any = target.options
    servers = {
        options.server.replace("{host}", host.name).replace("{slot}", slot): f"{at}:{behind.ports_of(host.name)[slot]}"
        for host in behind.hosts
        for at in ["127.0.0.1" if target.connection == "local" else host.name]
        for slot in SLOTS
    }
    more = {} if asked.haproxy_config is None else {"config": asked.haproxy_config}
    return haproxy.HAProxy(
        user=worker,
        python=python,
        socket=options.socket,
        state_file=options.state_file,
        map=options.map,
        backend=options.backend,
        servers=servers,
        balance=options.balance,
        timeout=options.timeout,
        listen=_port(environment.url),
        log=options.log,
        reload=asked.haproxy_reload,
        **more,
    )


def _port(url: str | None) -> int | None:
    """Where users come in by plain HTTP; a certificate is nothing that setup could make."""
    parts = urlsplit(url or "")
    return (parts.port or 80) if parts.scheme == "http" else None
