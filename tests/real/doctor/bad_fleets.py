"""What can be wrong with hosts before a release: each made real, on one host of a fleet, and undone again.

Each yields the words to add to the command line, and names the host that is wrong.
"""

import socket
import subprocess
import threading
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from doctor_stage import Stage
from full_disk import Tmpfs, may_mount, mount
from other_routers import nginx, rewritten
from ssh_lab import PORT, Server, keygen

Broken = tuple[str, tuple[str, ...]]
"""(host, words to add)."""

SUDO = """\
#!/bin/sh
test "$1 $2 $3 $4" = "-n -u shop --" || exit 9
shift 4
{does}
"""


@contextmanager
def unknown_key(stage: Stage) -> Iterator[Broken]:
    host = stage.site.hosts[1]
    with rewritten(stage.site.lab.known_hosts, lambda text: text.replace(host.pin(), "")):
        yield host.address, ()


@contextmanager
def changed_key(stage: Stage) -> Iterator[Broken]:
    host = stage.site.hosts[1]
    other = keygen(stage.site.root / "another").with_suffix(".pub").read_text().split()[:2]
    with rewritten(
        stage.site.lab.known_hosts,
        lambda text: text.replace(host.pin(), f"[{host.address}]:{PORT} {' '.join(other)}\n"),
    ):
        yield host.address, ()
    for file in (stage.site.root / "another", stage.site.root / "another.pub"):
        file.unlink()


@contextmanager
def refused_login(stage: Stage) -> Iterator[Broken]:
    with _configured(stage.site.hosts[1], "AuthorizedKeysFile /nowhere"):
        yield stage.site.hosts[1].address, ()


@contextmanager
def _sudo_says(stage: Stage, says: str) -> Iterator[Broken]:
    """Stand-ins for sudo, first on the PATH of each host: those that do it, and one that asks for something."""
    servers, wrong = [*stage.site.hosts, stage.site.balancer], stage.site.hosts[1]
    for server in servers:
        folder = server.folder / "sudo"
        folder.mkdir(exist_ok=True)
        does = f"echo '{says}' >&2; exit 1" if server is wrong else 'exec "$@"'
        (folder / "sudo").write_text(SUDO.format(does=does))
        (folder / "sudo").chmod(0o755)
        _configure(server, f"SetEnv HOME={server.home} PATH={folder}:/usr/bin:/bin")
    try:
        yield wrong.address, ("--set", "targets.web.ssh.sudo=shop")
    finally:
        for server in servers:
            _configure(server)


@contextmanager
def sudo_with_a_password(stage: Stage) -> Iterator[Broken]:
    with _sudo_says(stage, "sudo: a password is required") as broken:
        yield broken


@contextmanager
def sudo_with_a_terminal(stage: Stage) -> Iterator[Broken]:
    with _sudo_says(stage, "sudo: sorry, you must have a tty to run sudo") as broken:
        yield broken


@contextmanager
def full_disk(stage: Stage) -> Iterator[Broken]:
    """A disk of its own for the host's new releases, without one free byte."""
    if not may_mount():
        pytest.skip("a disk that can be filled needs the right to mount")
    host = stage.site.hosts[1]
    where = host.home / "small" / "shop"
    where.mkdir(parents=True)
    subprocess.run(mount(str(where.parent)), check=True)
    try:
        subprocess.run(["cp", "-a", f"{host.home}/shop/.", str(where)], check=False, capture_output=True)
        disk = Tmpfs(where.parent)
        disk.fill()
        yield host.address, ("--set", "targets.web.path=~/small/shop")
    finally:
        subprocess.run(["umount", "--lazy", str(where.parent)], check=True)
        where.rmdir()
        where.parent.rmdir()


@contextmanager
def read_only(stage: Stage) -> Iterator[Broken]:
    if not may_mount():
        pytest.skip("a file system that may only be read needs the right to mount")
    host = stage.site.hosts[1]
    shop = str(host.home / "shop")
    subprocess.run(["mount", "--bind", shop, shop], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", shop], check=True)
        yield host.address, ()
    finally:
        subprocess.run(["umount", "--lazy", shop], check=True)


@contextmanager
def taken_port(stage: Stage) -> Iterator[Broken]:
    host = stage.site.hosts[1]
    with socket.create_server((host.address, _ports(stage, host)[1])):
        yield host.address, ()


@contextmanager
def missing_unit(stage: Stage) -> Iterator[Broken]:
    yield stage.site.hosts[0].address, ("--set", "targets.web.run={systemd: no-such-shop@.service}")


@contextmanager
def missing_socket(stage: Stage) -> Iterator[Broken]:
    control = stage.site.balancer.folder / "haproxy.sock"
    aside = control.rename(control.with_suffix(".aside"))
    try:
        yield stage.site.balancer.address, ()
    finally:
        aside.rename(control)


@contextmanager
def socket_that_says_no(stage: Stage) -> Iterator[Broken]:
    """It answers every command, with an error text."""
    with missing_socket(stage) as broken, socket.socket(socket.AF_UNIX) as listening:
        control = stage.site.balancer.folder / "haproxy.sock"
        listening.bind(str(control))
        listening.listen()
        threading.Thread(target=_say_no, args=(listening,), daemon=True).start()
        try:
            yield broken
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            control.unlink()


def _say_no(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"Permission denied\n")


@contextmanager
def forgetful_haproxy(stage: Stage) -> Iterator[Broken]:
    line = "  load-server-state-from-file global\n"
    with rewritten(stage.site.balancer.folder / "haproxy.cfg", lambda text: text.replace(line, "")):
        yield stage.site.balancer.address, ()


@contextmanager
def missing_server(stage: Stage) -> Iterator[Broken]:
    yield stage.site.balancer.address, ("--set", "targets.web.router.server=no_such_{host}_{slot}")


@contextmanager
def broken_nginx(stage: Stage) -> Iterator[Broken]:
    """A real nginx that runs, and whose configuration was spoilt since."""
    with nginx(stage) as configuration:
        configuration.write_text(configuration.read_text().replace("server 127.0.0.1:1;", ""))
        yield stage.site.balancer.address, ()


@contextmanager
def balancer_away(stage: Stage) -> Iterator[Broken]:
    """One of two: it is in the environment, its key is known, and nobody listens there."""
    away = stage.site.lab.servers[-1]
    assert away not in (stage.site.balancer, *stage.site.hosts)
    away.stop()
    hosts = f"[{stage.site.balancer.address}, {away.address}]"
    try:
        yield away.address, ("--set", f"targets.web.router.hosts={hosts}")
    finally:
        away.start()


@contextmanager
def name_that_does_not_resolve(stage: Stage) -> Iterator[Broken]:
    first, *_ = stage.site.hosts
    blue, green = _ports(stage, first)
    hosts = f"[{{name: {first.address}, ports: {{blue: {blue}, green: {green}}}}}, no-such-host.invalid]"
    yield "no-such-host.invalid", ("--set", f"targets.web.hosts={hosts}")


def _ports(stage: Stage, host: Server) -> tuple[int, int]:
    blue, green = literal_eval((stage.site.root / "ports").read_text())[host.address]
    return blue, green


@contextmanager
def _configured(server: Server, *settings: str) -> Iterator[None]:
    _configure(server, *settings)
    try:
        yield
    finally:
        _configure(server)


def _configure(server: Server, *settings: str) -> None:
    server.stop()
    server.configure(*settings)
    server.start()
