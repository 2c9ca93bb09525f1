"""One target on a systemd host, reached by SSH as a user without rights, with a unit and a small application of its own."""

import textwrap
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from nspawn_host import Host, until

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget, Kept
from releaser.core.values import Release, Slot
from releaser.shell.known_hosts import read_known_hosts
from releaser.shell.ssh import Connections, Destination, SshShell

SECRET = 'pa$$word "quoted" \\slash `tick` #no=comment\n\tsecond line; é'
APPLICATION = textwrap.dedent("""
    import http.server, os, signal, sys, threading
    mode = os.environ.get("MODE", "serve")
    print("up", mode, flush=True)
    if mode == "crash":
        print("the key is", os.environ["SECRET_KEY"])
        sys.exit("no such database: orders")
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/exit":
                os._exit(7)
            name = self.path[1:] or "RELEASER_VERSION"
            body = os.environ.get(name, os.getcwd()).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    print("drained", flush=True)
    """)
UNIT = textwrap.dedent("""
    [Unit]
    Description={name} %i
    [Service]
    User=shop
    WorkingDirectory={path}/slots/%i
    EnvironmentFile={path}/.releaser/run/%i.env
    ExecStart=/usr/bin/python3 app.py
    Restart=on-failure
    RestartSec={pause}
    {more}
    [Install]
    WantedBy=multi-user.target
    """)
ORDERS = ("start --no-block", "stop --no-block", "reset-failed", "enable", "disable")
NUMBERS = count(1)


class Stage:
    """A path, a template unit and two ports that no other test of this run has."""

    def __init__(self, host: Host, root: Path, key: Path) -> None:
        number = next(NUMBERS)
        self.host = host
        self.root = root
        self.name = f"shop{number}"
        self.path = f"/srv/{self.name}"
        self.ports: dict[Slot, int] = {"blue": 8000 + 2 * number, "green": 8001 + 2 * number}
        self.fence = 1
        known = root / "known_hosts"
        known.write_text(host.pin())
        self.pool = Connections()
        to = Destination(host.address, "deploy", read_known_hosts(known), key=key, agent=False)
        self.shell = SshShell(to, f"{self.path}/.releaser", self.pool, name="web1")
        host.run("install", "-d", "-o", "deploy", self.path)
        self.unit()
        self.allow(*ORDERS)

    def unit(self, *more: str, pause: str = "100ms") -> None:
        """The host's own; `more` are lines of its [Service]."""
        text = UNIT.format(name=self.name, path=self.path, more="\n".join(more), pause=pause)
        self.host.run("tee", f"/etc/systemd/system/{self.name}@.service", stdin=text)
        self.host.run("systemctl", "daemon-reload")

    def allow(self, *orders: str, user: str = "deploy") -> None:
        """What sudo lets the user do, and nothing else."""
        lines = [
            f"{user} ALL=(root) NOPASSWD: /usr/bin/systemctl {order} {self.name}@{slot}.service\n"
            for order in orders
            for slot in self.ports
        ]
        self.host.run("tee", f"/etc/sudoers.d/{self.name}", stdin="".join(lines))
        self.host.run("chmod", "440", f"/etc/sudoers.d/{self.name}")

    def release(
        self, version: str, env: Mapping[str, str] | None = None, *, kept: Kept = "file", **run: Any
    ) -> tuple[HostsTarget, Release]:
        """A target that knows the artifact of a new release; nothing is placed yet."""
        source = self.root / "build" / version
        source.mkdir(parents=True, exist_ok=True)
        (source / "app.py").write_text(APPLICATION)
        (source / "VERSION").write_text(version)
        options = HostsOptions.model_validate(
            {
                "hosts": ["web1"],
                "path": self.path,
                "run": run or {"systemd": f"{self.name}@.service", "sudo": True},
                "ports": self.ports,
            }
        )
        artifact = artifact_at(source)
        target = HostsTarget("web", options, {"web1": self.shell}, artifact, env or {}, kept)
        return target, Release.of(version, artifact.digest, "c" * 64)

    def started(self, version: str, slot: Slot = "blue", **env: str) -> tuple[HostsTarget, Release]:
        target, release = self.release(version, env)
        target.place(release, fence=self.fence, within=30)
        target.start(release, slot, fence=self.fence, within=30)
        return target, release

    def look(self, slot: Slot = "blue") -> dict[str, Any]:
        """What the host says of a slot."""
        told = self.shell.call("target.inspect", {"path": self.path, "ports": self.ports}, within=20)
        return dict(told["slots"][slot])

    def ends(self, slot: Slot = "blue") -> None:
        until(lambda: self.look(slot)["state"] == "stopped")

    def get(self, slot: Slot = "blue", name: str = "") -> str | None:
        try:
            return httpx.get(f"http://{self.host.address}:{self.ports[slot]}/{name}", timeout=5, trust_env=False).text
        except httpx.TransportError:
            return None

    def answers(self, slot: Slot = "blue", what: str | None = None) -> None:
        until(lambda: self.get(slot) == what if what else self.get(slot))

    def systemctl(self, *words: str, slot: Slot = "blue") -> str:
        return self.host.run("systemctl", *words, f"{self.name}@{slot}.service", check=False).strip()

    def clear(self) -> None:
        self.pool.close()
        units = " ".join(f"{self.name}@{slot}.service" for slot in self.ports)
        files = f"/etc/systemd/system/{self.name}@.service /etc/sudoers.d/{self.name}"
        self.host.run("sh", "-c", f"systemctl disable --quiet --now {units}; rm -f {files}")
