"""One target on this machine with a small application, as the tests of this folder use it."""

import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.core.values import Release, Slot
from releaser.onhost import files, processes
from releaser.onhost.home import SLOTS, Home
from releaser.onhost.processes import Process
from releaser.onhost.slot import View, look
from releaser.shell import LocalShell
from releaser.testing.free_ports import free_ports

APPLICATION = textwrap.dedent("""
    import http.server, os, signal, sys, threading, time
    port, mode = int(sys.argv[1]), sys.argv[2]
    print("up", mode, os.getpid(), flush=True)
    if mode == "crash":
        time.sleep(0.05)
        sys.exit(3)
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/exit":
                os._exit(7)
            time.sleep(0.6 if self.path == "/slow" else 0)
            body = (os.environ["RELEASER_VERSION"] + " " + os.environ.get("GREETING", "")).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False
    server = Server(("127.0.0.1", port), Handler)
    if mode == "orphan" and os.fork() == 0:
        os.execvp("sleep", ["sleep", "600"])
    def stop(*_):
        if mode != "stubborn":
            threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()
    server.server_close()
    print("drained", flush=True)
    """)


def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


class Stage:
    """One target on this machine, with as many releases of a small application as a test wants."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "srv" / "shop"
        self.home = Home(self.path)
        self.shell = LocalShell(root / "agent-home", "local")
        self.ports = dict(zip(SLOTS, free_ports(2), strict=True))
        self.fence = 1
        self.drain = 5.0

    def options(self, mode: str = "serve") -> HostsOptions:
        run = {"command": f"{sys.executable} app.py {{port}} {mode}"}
        options = {"hosts": ["local"], "path": str(self.path), "run": run, "ports": self.ports, "drain": self.drain}
        return HostsOptions.model_validate(options)

    def release(self, version: str, mode: str = "serve") -> tuple[HostsTarget, Release]:
        """A target that knows the artifact of a new release; nothing is placed yet."""
        source = self.root / "build" / f"{version}-{mode}"
        source.mkdir(parents=True, exist_ok=True)
        (source / "app.py").write_text(APPLICATION)
        (source / "VERSION").write_text(version)
        artifact = artifact_at(source)
        target = HostsTarget("web", self.options(mode), {"local": self.shell}, artifact, {"GREETING": "hello"})
        return target, Release.of(version, artifact.digest, "c" * 64)

    def started(self, version: str, slot: Slot = "blue", mode: str = "serve") -> tuple[HostsTarget, Release]:
        target, release = self.release(version, mode)
        target.place(release, fence=self.fence, within=20)
        target.start(release, slot, fence=self.fence, within=20)
        return target, release

    def stop(self, target: HostsTarget, release: str, slot: Slot) -> None:
        """Ask for it, and wait until the slot has ended if it held that release."""
        held = self.look(slot).release
        target.stop(release, slot, fence=self.fence, after=0, within=10)
        if held == release:
            until(lambda: not self.look(slot).busy)

    def look(self, slot: Slot = "blue") -> View:
        return look(self.home, slot)

    def supervisor(self, slot: Slot = "blue") -> Process:
        found = self.look(slot).supervisor
        assert found is not None
        return found

    def child(self, slot: Slot = "blue") -> Process:
        found = self.look(slot).child
        assert found is not None
        return found

    def get(self, slot: Slot = "blue", path: str = "/") -> str | None:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[slot]}{path}", timeout=5, trust_env=False).text.strip()
        except httpx.TransportError:
            return None

    def answers(self, slot: Slot = "blue") -> None:
        until(lambda: self.get(slot))

    def log(self, slot: Slot = "blue") -> str:
        return self.home.log(slot).read_text()

    def clear(self) -> list[str]:
        """End whatever still runs here; what that was."""
        left = []
        for slot in SLOTS:
            status = files.read_json(self.home.status(slot)) or {}
            for role in ("supervisor", "child"):
                recorded = status.get(role)
                if recorded and processes.send(Process(*recorded), signal.SIGKILL):
                    left.append(f"{slot} {role}")
                if recorded and role == "child" and not status.get("adopted"):
                    processes.send_session(recorded[0], signal.SIGKILL)
        return left
