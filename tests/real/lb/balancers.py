"""The load balancers of the how-to pages, each on a machine of its own and run there as its package would run it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from machines import Machine
from pages import block

from releaser.adapters.routers.managed_kinds import Kind
from releaser.adapters.routers.managed_program import binary

__all__ = ["BALANCERS", "Balancer"]


@dataclass(frozen=True)
class Balancer:
    """`furnish` writes the page's files on a machine, `argv` is what runs it, `reload` what makes it read them again."""

    kind: Kind
    page: str
    furnish: Callable[[Machine], None]
    argv: tuple[str, ...]
    reload: tuple[str, ...] = ()

    def router(self) -> str:
        """The page's lines for the environment, with paths and names as they stand there."""
        return block(self.page, "router:\n")

    def run(self, machine: Machine) -> None:
        self.furnish(machine)
        machine.start(binary(self.kind), *self.argv)


def _haproxy(machine: Machine) -> None:
    machine.write("/etc/haproxy/haproxy.cfg", block("use-haproxy.md", "global\n"))
    machine.write("/etc/haproxy/releaser.map", "generation 0\n")
    machine.write("/var/lib/haproxy/server-state", "1\n")
    machine.run("mkdir", "-p", "/run/haproxy")


def _nginx(machine: Machine) -> None:
    """The page's blocks, with an events block, which every nginx has."""
    page = "use-nginx.md"
    machine.write("/etc/nginx/nginx.conf", "events {}\n" + block(page, "worker_shutdown_timeout"))
    machine.write("/etc/nginx/releaser/shop.conf", block(page, 'map "" $releaser_slot'))


def _envoy(machine: Machine) -> None:
    machine.write("/etc/envoy/envoy.yaml", block("use-envoy.md", "# envoy.yaml\n"))
    first = block("use-envoy.md", "{\n")
    json.loads(first)
    machine.write("/etc/envoy/releaser/shop.json", first)


def _traefik(machine: Machine) -> None:
    page = "use-traefik.md"
    machine.write("/etc/traefik/traefik.yml", block(page, "# traefik.yml\n"))
    for name in ("shop.yml", "releaser-shop.yml"):
        machine.write(f"/etc/traefik/dynamic/{name}", block(page, f"# dynamic/{name}\n"))


HAPROXY = ("-W", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid")
RELOAD = ("sh", "-c", "kill -USR2 $(head -1 /run/haproxy.pid)")
ENVOY = ("-c", "/etc/envoy/envoy.yaml", "--disable-hot-restart", "--log-level", "warn")
BALANCERS: Mapping[str, Balancer] = {
    "haproxy": Balancer("haproxy", "use-haproxy.md", _haproxy, HAPROXY, RELOAD),
    "nginx": Balancer("nginx", "use-nginx.md", _nginx, ("-c", "/etc/nginx/nginx.conf", "-g", "daemon off;")),
    "envoy": Balancer("envoy", "use-envoy.md", _envoy, ENVOY),
    "traefik": Balancer("traefik", "use-traefik.md", _traefik, ("--configFile=/etc/traefik/traefik.yml",)),
}
