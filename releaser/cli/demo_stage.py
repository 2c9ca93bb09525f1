"""What stands on the demo's stage? A directory with an environment, versions good and bad, traffic; and how it is cleared."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from releaser.adapters.routers.managed_program import available_kind
from releaser.engine.places import shipped
from releaser.engine.session import Session
from releaser.testing.app_artifact import write_artifact
from releaser.testing.free_ports import free_ports
from releaser.testing.load import Load, Traffic

__all__ = ["BASE_RATE", "RATE", "VERSIONS", "Stage", "staged"]

RATE = 200.0
"""Requests a second."""
BASE_RATE = 0.002
"""Errors of every version, good or bad: real applications have some."""
VERSIONS = {"1.0.0": "none", "1.1.0": "none", "1.2.0": "errors:0.2", "1.3.0": "none"}
"""Version -> the fault that its artifact carries."""
FAST = {"at_least: 3s": "at_least: 1s", "bake: 10s": "bake: 3s", "deadman: 5s": "deadman: 3s"}
ENDS_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Stage:
    """`root` holds everything that the demo writes; `environ` keeps this user's own journal out of it."""

    root: Path
    environ: Mapping[str, str]
    listen: int

    def session(self) -> Session:
        return Session.open("demo", self.root, environ=self.environ, by="demo")

    def log(self, version: str) -> Path:
        """Where that version writes a line for each request that it answered."""
        return self.root / f"requests-{version}.log"

    def traffic(self) -> Load:
        return Load(Traffic(f"http://127.0.0.1:{self.listen}/", rate=RATE, name="demo"))

    def promote(self, version: str) -> "subprocess.Popen[str]":
        """`releaser promote` as a process of its own, with a process group of its own; an event a line on its stdout."""
        argv = [sys.executable, "-m", "releaser", "promote", version, "-e", "demo", "-y", "-o", "jsonl"]
        return subprocess.Popen(
            [*argv, "--folder", str(self.root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(self.environ),
            start_new_session=True,
        )


@contextmanager
def staged(environ: Mapping[str, str], *, fast: bool, port: int | None) -> Iterator[Stage]:
    """Lay everything out, and take everything away again, however the demo ends."""
    # Short: the path of a Unix socket has about a hundred bytes.
    root = Path(tempfile.mkdtemp(prefix="rd-")).resolve()
    blue, green, free = free_ports(3)
    stage = Stage(root, {**environ, "RELEASER_STATE": str(root / "state")}, port or free)
    try:
        _write(stage, blue, green, fast=fast)
        yield stage
    finally:
        clear(root)


def _write(stage: Stage, blue: int, green: int, *, fast: bool) -> None:
    for kind in ("environments", "playbooks"):
        (stage.root / kind).mkdir()
    text = (shipped("environments") / "demo.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("8001", str(blue)),
        ("8002", str(green)),
        ("8080", str(stage.listen)),
        ("envoy://", f"{available_kind()}://"),
        ("python3 ", f"{sys.executable} "),
    ):
        text = text.replace(old, new)
    (stage.root / "environments" / "demo.yaml").write_text(f"{text}fleet: {{ drain: 1s }}\n", encoding="utf-8")
    playbook = (shipped("playbooks") / "demo.yaml").read_text(encoding="utf-8")
    for old, new in FAST.items() if fast else ():
        playbook = playbook.replace(old, new)
    (stage.root / "playbooks" / "demo.yaml").write_text(playbook, encoding="utf-8")
    for version, fault in VERSIONS.items():
        arguments = ["--error-rate", str(BASE_RATE), "--fault", fault, "--log", str(stage.log(version))]
        write_artifact(stage.root / "dist" / f"shop-{version}.tar.gz", *arguments)


def clear(root: Path) -> None:
    """End every process that was started below `root`, supervisors first so that nothing is restarted; then remove it."""
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        agents_only = number == signal.SIGKILL and any(agent for _, agent in processes_below(root))
        for pid, agent in processes_below(root):
            if agent or not agents_only:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        until = time.monotonic() + ENDS_WITHIN
        while processes_below(root) and not agents_only and time.monotonic() < until:
            time.sleep(0.05)
    shutil.rmtree(root, ignore_errors=True)


def processes_below(root: Path) -> list[tuple[int, bool]]:
    """(pid, whether it is one of releaser's own agents) of what runs in or from `root`; not ourselves."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        ours = f"{root}/" in command or where.startswith(str(root))
        if ours and int(entry.name) != os.getpid():
            found.append((int(entry.name), "/agent/agent-" in command))
    return found
