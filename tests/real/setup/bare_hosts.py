"""web1, web2 and lb1: containers with systemd, sshd, Python and sudo, the last one with the distribution's HAProxy.

Only root can log in, by one key. The load balancer has a cable of its own to each of the others.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nspawn_tree
from nspawn_host import Host, until

__all__ = ["Bare", "bare_hosts"]

PLAIN = """\
set -e
userdel --remove deploy
userdel shop
install -d -m 0700 /root/.ssh
cat > /root/.ssh/authorized_keys
rm -f /etc/systemd/system/haproxy.service
systemctl daemon-reload
"""


@dataclass
class Bare:
    """`home` is whose who releases: keys, known_hosts, the folder of the environment."""

    home: Path
    web: tuple[Host, ...]
    balancer: Host

    @property
    def hosts(self) -> tuple[Host, ...]:
        return (*self.web, self.balancer)

    @property
    def folder(self) -> Path:
        return self.home / "shop"

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in {"SSH_AUTH_SOCK", "RELEASER_ENV"}}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        return {**kept, "HOME": str(self.home), "RELEASER_STATE": str(self.home / "state"), "PATH": path}

    def releaser(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "releaser", *words]
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def fingerprints(self, hosts: Sequence[Host] = ()) -> list[str]:
        """What a careful person has compared: each host's own word, on its console."""
        found = [
            host.run("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
            for host in hosts or self.hosts
        ]
        return [word for one in found for word in ("--accept-host-key", one)]


@contextmanager
def bare_hosts(root: Path) -> Iterator[Bare]:
    home = root / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    key = home / ".ssh/id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    tree, public = nspawn_tree.tree(), key.with_suffix(".pub")
    hosts = [Host(tree, root / name, public) for name in ("web1", "web2", "lb1")]
    try:
        for host in hosts:
            host.start()
            host.run("sh", "-c", PLAIN, stdin=public.read_text())
        *web, balancer = hosts
        for number, host in enumerate(web, 1):
            connect(balancer, host, number)
        balancer.run("systemctl", "enable", "--now", "haproxy.service")
        made = Bare(home, tuple(web), balancer)
        yield made
    finally:
        for host in hosts:
            host.discard()


def connect(one: Host, other: Host, number: int) -> None:
    """A cable between two containers; it goes with their network namespaces."""
    ends = [f"c{os.getpid()}a{number}", f"c{os.getpid()}b{number}"]
    subprocess.run(["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]], check=True)
    for end, host, peer in ((ends[0], one, other), (ends[1], other, one)):
        subprocess.run(["ip", "link", "set", end, "netns", str(host._init()), "name", f"to{number}"], check=True)
        host.run("ip", "link", "set", f"to{number}", "up")
        host.run("ip", "route", "add", f"{peer.address}/32", "dev", f"to{number}", "src", host.address)
    until(lambda: one.run("python3", "-c", REACHES, other.address, check=False) == "yes\n")


REACHES = "import socket, sys; socket.create_connection((sys.argv[1], 22), 1); print('yes')"
