"""A load balancer of a fleet: HAProxy on a host of the lab, whose files have the same names on every one of its target."""

import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ssh_lab import Lab, Server, until

BALANCER = """\
global
  stats socket {site}/haproxy.sock mode 600 level admin
  server-state-file {site}/servers.state
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 10s
  load-server-state-from-file global
frontend users
  bind {address}:{listen}
  http-response set-header x-releaser-generation %[str(generation),map({site}/generation.map,0)]
  default_backend shop
backend shop
  balance roundrobin
  option http-server-close
{servers}
"""


def balancer_of(lab: Lab) -> Server:
    """Load balancers of one target have their files in the same places, so each of them sees its own there."""

    def inside(server: Server) -> Sequence[str]:
        (server.folder / "site").mkdir()
        return _apart(server)

    (lab.root / "lb").mkdir(exist_ok=True)
    return lab.server(inside=inside)


def _apart(server: Server) -> list[str]:
    """A mount namespace in which ROOT/lb is the server's own folder."""
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    site, common = server.folder / "site", server.folder.parent / "lb"
    return ["unshare", "--mount", "sh", "-c", script, str(site), str(common)]


@contextmanager
def haproxy(balancer: Server, listen: int, ports: Mapping[str, tuple[int, int]]) -> Iterator[None]:
    """As the load balancer's own init system would run it: releaser did not start it, and does not end it.

    `ports`: the application's, address -> (blue, green).
    """
    site, common = balancer.folder / "site", balancer.folder.parent / "lb"
    (site / "servers.state").write_text("1\n")
    (site / "generation.map").write_text("generation 0\n")
    servers = [
        f"  server {address}_{slot} {address}:{port} weight 0"
        for address, both in ports.items()
        for slot, port in zip(("blue", "green"), both, strict=True)
    ]
    text = BALANCER.format(site=common, address=balancer.address, listen=listen, servers="\n".join(servers))
    (site / "haproxy.cfg").write_text(text)
    with (site / "haproxy.log").open("wb") as log:
        argv = [*_apart(balancer), "haproxy", "-db", "-f", str(common / "haproxy.cfg")]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        until((site / "haproxy.sock").exists)
        yield
    finally:
        process.kill()
        process.wait()


def socket_command(path: Path, line: str) -> str:
    """One command, and HAProxy's whole reply."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(10)
        channel.connect(str(path))
        channel.sendall(f"{line}\n".encode())
        return b"".join(iter(lambda: channel.recv(65536), b"")).decode()
