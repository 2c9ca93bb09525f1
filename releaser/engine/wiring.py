"""From a checked environment to the ports that its plan names: which adapter for what, over which shell.

A local environment and a fleet share all of this but the shell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releaser.adapters.hosts.progress import Progress
from releaser.config.environment import Environment, Target
from releaser.engine.registry import Registry
from releaser.engine.remote import RemoteShells, remote_path
from releaser.engine.threads import together
from releaser.ports import Probe, Site, World
from releaser.shell import Shell

if TYPE_CHECKING:
    from releaser.adapters.hosts.artifact import Artifact
    from releaser.engine.local_router import LocalRouter

__all__ = ["Wiring", "whoami"]


def whoami(environ: Mapping[str, str]) -> str:
    """Who is behind this process, for people: a CI job by its own name, else user@host."""
    for names in (
        ("GITHUB_REPOSITORY", "GITHUB_RUN_ID"),
        ("CI_PROJECT_PATH", "CI_JOB_ID"),
        ("JOB_NAME", "BUILD_NUMBER"),
    ):
        if all(environ.get(name) for name in names):
            return "ci:" + "#".join(environ[name] for name in names)
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "somebody"
    return f"{user}@{socket.gethostname().partition('.')[0]}"


@dataclass(slots=True)
class Wiring:
    """One environment's adapters, each made when it is first needed. `told` puts secrets in place of their references."""

    environment: Environment
    registry: Registry
    holder: str
    folder: Path
    told: Callable[[Mapping[str, str]], Mapping[str, str]] = dict
    artifact: "Artifact | None" = None
    probes: bool = True
    """To look, to write to the ledgers and to read logs takes none, and they take long to import."""
    shells: dict[tuple[str, str], Shell] = field(default_factory=dict)
    routers: "dict[str, LocalRouter]" = field(default_factory=dict)
    remote: RemoteShells = field(default_factory=RemoteShells)
    progress: Progress = field(default_factory=Progress)
    """How far orders to many hosts are, for whoever draws a screen."""

    def world(self, journal_head: Callable[[], tuple[str, int, str] | None] = lambda: None) -> World:
        """Every port of this environment. Raises ConfigError for what is not there yet or not installed."""
        env = self.told(self.environment.env) if self.artifact else {}
        targets, probes, sites = {}, {}, {}
        for name, target in self.environment.targets.items():
            shells = {host.name: self._shell(name, target, host.name) for host in target.options.hosts}
            kind = self.registry.adapter("targets", target.kind)
            placed: Any = target.options
            hosts = tuple(host.model_copy(update={"env": self.told(host.env)}) for host in placed.hosts)
            options = placed.model_copy(update={"path": self.path_of(target), "hosts": hosts})
            kept = self.environment.secrets.kept
            more = {} if kept == "file" else {"kept": kept}
            targets[name] = kind(name, options, shells, self.artifact, env, progress=self.progress, **more)
            if self.probes:
                probes[name] = self._probe(target)
            for host in target.router.hosts:
                sites[f"{name}/{host}"] = self._site(name, target, host)
        return World(targets, probes, sites, self.holder, together, journal_head)

    def close(self) -> None:
        """Give back the connections to hosts."""
        self.remote.close()

    def finest(self, router: str) -> int:
        """The smallest share that a router can give, in whole percent."""
        name = router.partition("/")[0]
        return int(self._dialect(name, self.environment.targets[name]).finest)

    def alike(self) -> frozenset[str]:
        """Targets whose router knows no single hosts, and so cannot leave one out."""
        from releaser.adapters.routers.dialect import Selective

        targets = self.environment.targets.items()
        return frozenset(name for name, target in targets if not isinstance(self._dialect(name, target), Selective))

    def run_local_routers(self) -> None:
        """Start the routers that releaser itself runs for this environment, where they do not run."""
        for name, target in self.environment.targets.items():
            if target.router.managed:
                self._local_router(name, target).ensure()

    def stands_still(self, router: str) -> bool:
        """Whether it is one that releaser itself runs here and it does not. Raises RefusedError for a stranger on its port."""
        name = router.partition("/")[0]
        target = self.environment.targets[name]
        return target.router.managed and self._local_router(name, target).stands_still()

    def stop_local_routers(self) -> list[str]:
        """Stop the routers that releaser itself runs here; the targets whose router had run."""
        managed = {name: target for name, target in self.environment.targets.items() if target.router.managed}
        return [name for name, target in managed.items() if self._local_router(name, target).stop()]

    def answer_probe(self, target: Target) -> Probe | None:
        """Asks whether a release answers at all; None: this kind of probe has no such question."""
        from releaser.engine.asking import Answering

        kind, chosen, endpoints = self._asked(target)
        return kind(chosen.any_answer(), endpoints) if isinstance(chosen, Answering) else None

    def _probe(self, target: Target) -> Probe:
        from releaser.engine.asking import asking

        return asking(*self._asked(target), self.told, self.registry)

    def _asked(self, target: Target) -> tuple[Callable[..., Probe], Any, list[Any]]:
        """The kind of the probe that asks a release itself, its options, and whom it asks."""
        from releaser.adapters.probes.http import Endpoint

        options = self.environment.probes
        chosen = (
            "up"
            if "up" in options and options["up"].kind != "router"
            else min(probe for probe, said in options.items() if said.kind != "router")
        )
        kind = self.registry.adapter("probes", options[chosen].kind)
        local = target.connection == "local"
        hosts: Any = target.options
        endpoints = [
            Endpoint(host.name, "127.0.0.1" if local else host.name, hosts.ports_of(host.name)) for host in hosts.hosts
        ]
        return kind, options[chosen].options, endpoints

    def _site(self, name: str, target: Target, host: str) -> Site:
        from releaser.adapters.routers.site import RouterSite

        shell = self._shell(name, target, host)
        state = target.router.state or f"{self.path_of(target)}/.releaser/router"
        site = RouterSite(f"{name}/{host}", shell, state, self._dialect(name, target), self.environment.name)
        return Site(site, site, site, site.ledger, site)

    def _dialect(self, name: str, target: Target) -> Any:
        if target.router.managed:
            return self._local_router(name, target).dialect
        behind: Any = target.options
        kind = self.registry.adapter("routers", target.router.kind)
        return kind(target.router.options, tuple(host.name for host in behind.hosts))

    def _local_router(self, name: str, target: Target) -> "LocalRouter":
        from releaser.engine.local_router import LocalRouter

        if name not in self.routers:
            shell = self._shell(name, target, target.router.hosts[0])
            ports = target.options.ports_of(target.options.hosts[0].name)
            self.routers[name] = LocalRouter(target.router.options, Path(self.path_of(target)) / "router", ports, shell)
        return self.routers[name]

    def _shell(self, name: str, target: Target, host: str) -> Shell:
        key = (name, host)
        if key not in self.shells and target.connection == "ssh":
            self.shells[key] = self.remote.shell(target, host, f"{self.path_of(target)}/.releaser", self.folder)
        if key not in self.shells:
            from releaser.shell.local import LocalShell

            self.shells[key] = LocalShell(Path(self.path_of(target)) / ".releaser", host)
        return self.shells[key]

    def path_of(self, target: Target) -> str:
        path: str = target.options.path
        if target.connection == "ssh":
            return remote_path(path)
        if path.startswith("./"):
            return str(self.folder.resolve() / path[2:])
        return str(Path(path).expanduser())
