"""The demo's environment with short steps, and `releaser` as a process of its own in it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from releaser.cli.demo_stage import Stage, processes_below, staged

__all__ = ["Cli", "Ended", "cli_stage"]

QUICK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 5% } }
budget: { step: 60s, release: 3m, rollback: 10s, deadman: 3s, ready: 15s }
"""
HELD = QUICK.replace("at_least: 500ms", "at_least: 40s")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    document: dict[str, Any]
    err: str


@dataclass
class Cli:
    """Command lines in one environment; every one that still runs at the end is killed."""

    stage: Stage
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.stage.root

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "releaser", *words, "-e", "demo", "-o", "json", "--folder", str(self.root)]

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Ended:
        """To its end, with its one document."""
        done = subprocess.run(
            self.words(*words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.stage.environ, **(environ or {})},
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, json.loads(done.stdout), done.stderr)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """In a session of its own, so that it can be killed as a whole."""
        process = subprocess.Popen(
            self.words(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(self.stage.environ),
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def status(self) -> dict[str, Any]:
        answered = self.run("status")
        assert answered.code == 0, answered
        found: dict[str, Any] = answered.document["status"][0]
        return found

    def until(self, holds: Callable[[dict[str, Any]], bool], seconds: float = 40.0) -> dict[str, Any]:
        """The first status of which it holds."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.status()):
            assert time.monotonic() < deadline, found
        return found

    def processes(self) -> Sequence[tuple[int, bool]]:
        """What runs below the environment's root."""
        return processes_below(self.root)


def split_of(status: Mapping[str, Any]) -> dict[str, int]:
    """By version."""
    (router,) = status["routers"].values()
    return {release.rpartition("-")[0]: weight for release, weight in (router["split"] or {}).items()}


@contextmanager
def cli_stage() -> Iterator[Cli]:
    ours = {name: text for name, text in os.environ.items() if name != "CI"}
    with staged(ours, fast=True, port=None) as stage:
        environment = stage.root / "environments" / "demo.yaml"
        environment.write_text(environment.read_text().replace("playbook: demo", "playbook: quick"))
        (stage.root / "playbooks" / "quick.yaml").write_text(QUICK)
        (stage.root / "playbooks" / "held.yaml").write_text(HELD)
        cli = Cli(stage)
        try:
            yield cli
        finally:
            for process in cli.started:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
