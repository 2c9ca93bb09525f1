"""Releaser processes that are killed at a position of their lives, as dying.py names them: born, and asked what they told."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dying import NOWHERE

__all__ = ["NOWHERE", "Cradle", "cradle", "distinct_positions"]

DYING = Path(__file__).with_name("dying.py")


class Cradle:
    """One process from which the others are forked."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def life(self, root: Path, at: str, verb: str, *words: str) -> list[dict[str, Any]]:
        """What a process told up to its death at `at` or its end; both are as they must be."""
        out = root / f"told-{time.monotonic_ns()}.jsonl"
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([str(root), str(out), at, verb, *words]), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        told = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        assert status == (-9 if {"position": at} in told else 0), (at, status)
        return told


@contextmanager
def cradle(environ: Mapping[str, str]) -> Iterator[Cradle]:
    argv = [sys.executable, str(DYING)]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environ), start_new_session=True
    )
    with process:
        yield Cradle(process)
        assert process.stdin is not None
        process.stdin.close()


def distinct_positions(told: Sequence[Mapping[str, Any]], since: str = "") -> list[str]:
    """The positions that a process passed, from `since` on, each moment once.

    Neither the world nor the journal changes between an "after" and the "before" that follows it: one death is both. How often
    the judge's view is written down depends on the machine; the first time is enough.
    """
    names = [one["position"] for one in told if "position" in one]
    later = names[names.index(since) :] if since else names
    return [name for name, before in zip(later, ["", *later], strict=False) if _distinct(name, before)]


def _distinct(name: str, before: str) -> bool:
    return not (name.startswith("before") and before.startswith("after")) and (
        "Judged" not in name or name[-2:] == "#1"
    )
